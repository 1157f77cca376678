import AsyncHTTPClient
public import NIOCore
import NIOHTTP1

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// What `GET /images/{name}/json` answers, as far as it is used here.
public struct Image: Decodable, Sendable {
    public struct Configuration: Decodable, Sendable {
        /// `""`: root.
        public var user: String?
        public var environment: [String]?
        public var entrypoint: [String]?
        public var command: [String]?
        public var workingDirectory: String?
        /// Name or number of the signal that asks it to end; `nil`: SIGTERM.
        public var stopSignal: String?

        enum CodingKeys: String, CodingKey {
            case user = "User"
            case environment = "Env"
            case entrypoint = "Entrypoint"
            case command = "Cmd"
            case workingDirectory = "WorkingDir"
            case stopSignal = "StopSignal"
        }
    }

    /// `sha256:…`: the hash of its configuration, the same on every host.
    public var id: String
    /// `name@sha256:…`, for each repository that it was pulled from or pushed to.
    public var repositoryDigests: [String]?
    /// As in image references: `amd64`, `arm64`.
    public var architecture: String
    public var operatingSystem: String
    /// Bytes, unpacked.
    public var size: Int64
    public var configuration: Configuration?

    enum CodingKeys: String, CodingKey {
        case id = "Id"
        case repositoryDigests = "RepoDigests"
        case architecture = "Architecture"
        case operatingSystem = "Os"
        case size = "Size"
        case configuration = "Config"
    }
}

extension DockerClient {
    /// `nil`: no such image on the engine's host.
    public func imageInspect(_ reference: String) async throws -> Image? {
        do {
            let path =
                "/images/"
                + reference.split(separator: "/", omittingEmptySubsequences: false).map { Self.segment(String($0)) }
                .joined(separator: "/")
            return try await fetch(Image.self, .GET, path + "/json")
        } catch let error as DockerError where error.isNotFound {
            return nil
        }
    }

    /// Has the engine pull an image. Throws ``DockerError`` with the registry's own reason.
    ///
    /// - Parameter progress: called with a short sentence, some times a second at most.
    public func imagePull(
        _ reference: ImageReference, credentials: RegistryCredentials?, timeout: Duration, progress: (String) async -> Void
    ) async throws {
        var headers: [(String, String)] = []
        if let credentials { headers.append(("X-Registry-Auth", try credentials.header())) }
        // A digest counts as a tag here.
        let version = reference.digest ?? reference.tag ?? "latest"
        let response = try await stream(
            .POST, "/images/create", query: [("fromImage", reference.name), ("tag", version)], headers: headers, timeout: timeout)
        var layers = LayerProgress()
        var told = ContinuousClock.now - .seconds(1)
        try await messages(response) { message in
            layers.take(message)
            guard ContinuousClock.now - told >= .milliseconds(300), let sentence = layers.sentence else { return }
            told = ContinuousClock.now
            await progress(sentence)
        }
    }

    public func imageTag(_ id: String, repository: String, tag: String) async throws {
        try await send(.POST, "/images/\(Self.segment(id))/tag", query: [("repo", repository), ("tag", tag)])
    }

    /// Removes a name, and the image if it was its last.
    public func imageRemove(_ reference: String) async throws {
        let path =
            "/images/"
            + reference.split(separator: "/", omittingEmptySubsequences: false).map { Self.segment(String($0)) }
            .joined(separator: "/")
        try await send(.DELETE, path, timeout: .seconds(60))
    }

    /// Builds a Dockerfile. Returns the image's id. Throws ``DockerError/failed(_:)`` with the failing step's own reason.
    ///
    /// - Parameters:
    ///   - context: the next piece of a tar archive, `nil` at its end.
    ///   - output: called with each line that the build prints.
    public func imageBuild(
        dockerfile: String, tag: String, arguments: [String: String] = [:], labels: [String: String] = [:],
        registries: [String: RegistryCredentials] = [:], timeout: Duration,
        context: @escaping @Sendable () async throws -> ByteBuffer?, output: (String) async -> Void
    ) async throws -> String {
        let encoder = JSONEncoder()
        func text(_ values: [String: String]) throws -> String { String(decoding: try encoder.encode(values), as: UTF8.self) }
        var headers: [(String, String)] = []
        if !registries.isEmpty { headers.append(("X-Registry-Config", try RegistryCredentials.header(of: registries))) }
        let response = try await stream(
            .POST, "/build",
            query: [
                ("dockerfile", dockerfile), ("t", tag), ("buildargs", try text(arguments)), ("labels", try text(labels)), ("rm", "true"),
                ("forcerm", "true"),
            ], headers: headers, body: .tar(context), timeout: timeout)
        var id: String?
        try await messages(response) { message in
            if let built = message.auxiliary?.id { id = built }
            if let line = message.stream, !line.allSatisfy(\.isWhitespace) { await output(line) }
            if let line = message.status { await output(line) }
        }
        // Not every version tells the id.
        if id == nil { id = try await imageInspect(tag)?.id }
        guard let id else { throw DockerError.unexpected("the build ended without an image") }
        return id
    }

    /// A stream of JSON objects; throws what it reports as an error.
    private func messages(_ response: HTTPClientResponse, _ take: (StreamMessage) async -> Void) async throws {
        var pending = ByteBuffer()
        let decoder = JSONDecoder()
        func handle(_ line: ByteBufferView) async throws {
            guard !line.allSatisfy({ $0 <= 0x20 }) else { return }
            guard let message = try? decoder.decode(StreamMessage.self, from: Data(line)) else {
                throw DockerError.unexpected(
                    "the container engine's answer can't be read: \(String(decoding: line, as: UTF8.self).prefix(200))")
            }
            if let error = message.error ?? message.errorDetail?.message { throw DockerError.failed(error) }
            await take(message)
        }
        do {
            for try await chunk in response.body {
                pending.writeImmutableBuffer(chunk)
                while let end = pending.readableBytesView.firstIndex(of: UInt8(ascii: "\n")),
                    let line = pending.readSlice(length: end - pending.readerIndex + 1)
                {
                    try await handle(line.readableBytesView)
                }
                guard pending.readableBytes < 1 << 20 else { throw DockerError.unexpected("the container engine's answer has no lines") }
                pending.discardReadBytes()
            }
            try await handle(pending.readableBytesView)
        } catch let error as DockerError {
            throw error
        } catch is CancellationError {
            throw CancellationError()
        } catch {
            throw DockerError.unreachable("The container engine at \(endpoint) broke off its answer: \(error)")
        }
    }
}

/// One object of the stream that a pull or a build answers.
struct StreamMessage: Decodable {
    struct Detail: Decodable {
        var message: String?
        var current: Int64?
        var total: Int64?
    }

    struct Auxiliary: Decodable {
        var id: String?
        enum CodingKeys: String, CodingKey { case id = "ID" }
    }

    var stream: String?
    var status: String?
    var id: String?
    var progressDetail: Detail?
    var error: String?
    var errorDetail: Detail?
    var auxiliary: Auxiliary?

    enum CodingKeys: String, CodingKey {
        case stream, status, id, progressDetail, error, errorDetail
        case auxiliary = "aux"
    }
}

/// How far a pull is, over all its layers.
struct LayerProgress {
    private var layers: [String: (current: Int64, total: Int64)] = [:]
    private var latest: String?

    mutating func take(_ message: StreamMessage) {
        latest = message.status ?? latest
        guard let id = message.id, message.status == "Downloading", let detail = message.progressDetail, let current = detail.current
        else { return }
        layers[id] = (current, max(detail.total ?? 0, current))
    }

    var sentence: String? {
        let current = layers.values.reduce(0) { $0 + $1.current }
        let total = layers.values.reduce(0) { $0 + $1.total }
        if total > 0 { return "pulling: \(current >> 20) of \(total >> 20) MiB" }
        return latest.map { "pulling: \($0)" }
    }
}
