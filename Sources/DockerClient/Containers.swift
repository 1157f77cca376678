import AsyncHTTPClient
import NIOCore
import NIOHTTP1

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// What `POST /containers/create` takes, as far as it is used here.
public struct ContainerCreation: Encodable, Sendable {
    public struct Ulimit: Encodable, Sendable, Equatable {
        public var name: String
        public var soft: Int64
        public var hard: Int64

        public init(_ name: String, soft: Int64, hard: Int64) {
            self.name = name
            self.soft = soft
            self.hard = hard
        }

        enum CodingKeys: String, CodingKey {
            case name = "Name"
            case soft = "Soft"
            case hard = "Hard"
        }
    }

    public struct Mount: Encodable, Sendable, Equatable {
        public var type = "bind"
        public var source: String
        public var target: String
        public var isReadOnly: Bool

        public init(source: String, target: String, isReadOnly: Bool) {
            self.source = source
            self.target = target
            self.isReadOnly = isReadOnly
        }

        enum CodingKeys: String, CodingKey {
            case type = "Type"
            case source = "Source"
            case target = "Target"
            case isReadOnly = "ReadOnly"
        }
    }

    public struct LogConfiguration: Encodable, Sendable, Equatable {
        public var type: String
        public var options: [String: String]

        public init(type: String, options: [String: String]) {
            self.type = type
            self.options = options
        }

        enum CodingKeys: String, CodingKey {
            case type = "Type"
            case options = "Config"
        }
    }

    public struct Host: Encodable, Sendable, Equatable {
        public var networkMode: String?
        public var isRootReadOnly = false
        public var droppedCapabilities: [String] = []
        public var securityOptions: [String] = []
        /// Bytes.
        public var memory: Int64?
        /// Bytes, memory and swap together.
        public var memoryAndSwap: Int64?
        /// Billionths of a processor.
        public var nanoCPUs: Int64?
        public var processLimit: Int64?
        public var ulimits: [Ulimit] = []
        /// Mount options by path.
        public var temporaryFileSystems: [String: String] = [:]
        /// Bytes of `/dev/shm`.
        public var sharedMemory: Int64?
        public var mounts: [Mount] = []
        public var logging: LogConfiguration?
        /// Name of the OCI runtime; `nil`: the engine's default.
        public var runtime: String?

        public init() {}

        enum CodingKeys: String, CodingKey {
            case networkMode = "NetworkMode"
            case isRootReadOnly = "ReadonlyRootfs"
            case droppedCapabilities = "CapDrop"
            case securityOptions = "SecurityOpt"
            case memory = "Memory"
            case memoryAndSwap = "MemorySwap"
            case nanoCPUs = "NanoCpus"
            case processLimit = "PidsLimit"
            case ulimits = "Ulimits"
            case temporaryFileSystems = "Tmpfs"
            case sharedMemory = "ShmSize"
            case mounts = "Mounts"
            case logging = "LogConfig"
            case runtime = "Runtime"
        }
    }

    /// An image's id, or a reference.
    public var image: String
    /// `nil`: the image's own.
    public var entrypoint: [String]?
    /// `nil`: the image's own.
    public var command: [String]?
    /// `NAME=value`.
    public var environment: [String] = []
    /// `nil`: the image's own.
    public var user: String?
    public var workingDirectory: String?
    public var hostname: String?
    public var labels: [String: String] = [:]
    /// Seconds between the stop signal and SIGKILL.
    public var stopTimeout: Int?
    public var host = Host()

    public init(image: String) { self.image = image }

    enum CodingKeys: String, CodingKey {
        case image = "Image"
        case entrypoint = "Entrypoint"
        case command = "Cmd"
        case environment = "Env"
        case user = "User"
        case workingDirectory = "WorkingDir"
        case hostname = "Hostname"
        case labels = "Labels"
        case stopTimeout = "StopTimeout"
        case host = "HostConfig"
    }
}

/// What `GET /containers/{id}/json` answers, as far as it is used here.
public struct Container: Decodable, Sendable {
    public struct State: Decodable, Sendable {
        public var isRunning: Bool
        public var outOfMemory: Bool
        /// On the engine's host; 0 when it does not run.
        public var processID: Int32
        public var exitCode: Int

        enum CodingKeys: String, CodingKey {
            case isRunning = "Running"
            case outOfMemory = "OOMKilled"
            case processID = "Pid"
            case exitCode = "ExitCode"
        }
    }

    public var id: String
    public var state: State

    enum CodingKeys: String, CodingKey {
        case id = "Id"
        case state = "State"
    }
}

/// What `GET /containers/json` lists.
public struct ContainerSummary: Decodable, Sendable {
    public var id: String
    public var labels: [String: String]?

    enum CodingKeys: String, CodingKey {
        case id = "Id"
        case labels = "Labels"
    }
}

extension DockerClient {
    /// Returns the new container's id. 404: no such image.
    public func containerCreate(name: String, _ creation: ContainerCreation) async throws -> String {
        struct Created: Decodable {
            var id: String
            enum CodingKeys: String, CodingKey { case id = "Id" }
        }
        return try await fetch(
            Created.self, .POST, "/containers/create", query: [("name", name)], body: Self.json(creation), timeout: .seconds(60)
        ).id
    }

    public func containerStart(_ id: String) async throws {
        try await send(.POST, "/containers/\(Self.segment(id))/start", timeout: .seconds(60))
    }

    public func containerInspect(_ id: String) async throws -> Container {
        try await fetch(Container.self, .GET, "/containers/\(Self.segment(id))/json", timeout: .seconds(10))
    }

    /// The image's stop signal, then SIGKILL after `grace`. Returns when it has ended.
    public func containerStop(_ id: String, grace: Duration) async throws {
        // Whole seconds alone; the caller is free to kill it earlier.
        let seconds = max(1, grace.components.seconds + (grace.components.attoseconds > 0 ? 1 : 0))
        try await send(
            .POST, "/containers/\(Self.segment(id))/stop", query: [("t", "\(seconds)")], timeout: .seconds(seconds + 20))
    }

    public func containerPause(_ id: String) async throws { try await send(.POST, "/containers/\(Self.segment(id))/pause") }

    public func containerResume(_ id: String) async throws { try await send(.POST, "/containers/\(Self.segment(id))/unpause") }

    /// Kills it if it runs and removes it with its anonymous volumes. That it is gone already is no error.
    public func containerRemove(_ id: String) async throws {
        do {
            try await send(
                .DELETE, "/containers/\(Self.segment(id))", query: [("force", "true"), ("v", "true")], timeout: .seconds(60))
        } catch let error as DockerError where error.isNotFound {
            return
        }
    }

    /// All that carry a label with this value, running or not.
    public func containerList(label: String, value: String) async throws -> [ContainerSummary] {
        let filter = try JSONEncoder().encode(["label": ["\(label)=\(value)"]])
        return try await fetch(
            [ContainerSummary].self, .GET, "/containers/json",
            query: [("all", "true"), ("filters", String(decoding: filter, as: UTF8.self))])
    }

    /// Standard output and error, as they come, until the container ends.
    ///
    /// - Parameter since: seconds since 1970; earlier lines are left out.
    public func containerLog(_ id: String, since: Double?, _ write: (ByteBuffer) async throws -> Void) async throws {
        var query = [("follow", "true"), ("stdout", "true"), ("stderr", "true")]
        if let since { query.append(("since", String(since))) }
        let response = try await stream(.GET, "/containers/\(Self.segment(id))/logs", query: query, timeout: nil)
        var frames = LogFrames()
        for try await chunk in response.body {
            frames.append(chunk)
            while let payload = frames.next() { try await write(payload) }
        }
    }
}
