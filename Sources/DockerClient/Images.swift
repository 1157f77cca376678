import AsyncHTTPClient
import NIOCore
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
        /// Name or number of the signal that asks it to end; `nil`: SIGTERM.
        public var stopSignal: String?

        enum CodingKeys: String, CodingKey {
            case user = "User"
            case environment = "Env"
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
            return try await fetch(Image.self, .GET, Self.imagePath(reference) + "/json")
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

    /// The slashes of a reference stay as they are.
    static func imagePath(_ reference: String) -> String {
        "/images/" + reference.split(separator: "/", omittingEmptySubsequences: false).map { segment(String($0)) }.joined(separator: "/")
    }

    /// A stream of JSON objects; throws what it reports as an error.
    func messages(_ response: HTTPClientResponse, _ take: (StreamMessage) async -> Void) async throws {
        var pending = ByteBuffer()
        let decoder = JSONDecoder()
        func handle(_ line: ByteBufferView) async throws {
            guard !line.allSatisfy({ $0 <= 0x20 }) else { return }
            guard let message = try? decoder.decode(StreamMessage.self, from: Data(line)) else {
                throw DockerError.unexpected(
                    "the container engine's answer can't be read: \(String(decoding: line, as: UTF8.self).prefix(200))")
            }
            if let error = message.error ?? message.errorDetail?.message {
                throw DockerError.failed(error.trimmingCharacters(in: .whitespacesAndNewlines))
            }
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

/// One object of the stream that a pull, a push or a build answers.
struct StreamMessage: Decodable {
    struct Detail: Decodable {
        var message: String?
        var current: Int64?
        var total: Int64?
    }

    struct Auxiliary: Decodable {
        /// Of a build: the image's.
        var id: String?
        /// Of a push: the manifest's.
        var digest: String?

        enum CodingKeys: String, CodingKey {
            case id = "ID"
            case digest = "Digest"
        }
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

/// How far a pull or a push is, over all its layers.
struct LayerProgress {
    /// What is done, and the engine's word for its longest part.
    enum Direction: String {
        case pulling = "Downloading"
        case pushing = "Pushing"
    }

    private let direction: Direction
    private var layers: [String: (current: Int64, total: Int64)] = [:]
    private var latest: String?

    init(_ direction: Direction = .pulling) { self.direction = direction }

    mutating func take(_ message: StreamMessage) {
        latest = message.status ?? latest
        guard let id = message.id, message.status == direction.rawValue, let detail = message.progressDetail, let current = detail.current
        else { return }
        layers[id] = (current, max(detail.total ?? 0, current))
    }

    var sentence: String? {
        let current = layers.values.reduce(0) { $0 + $1.current }
        let total = layers.values.reduce(0) { $0 + $1.total }
        if total > 0 { return "\(direction): \(current >> 20) of \(total >> 20) MiB" }
        return latest.map { "\(direction): \($0)" }
    }
}
