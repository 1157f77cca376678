import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import Synchronization

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// Calls of the Docker Engine API, version 1.41 or later, which Docker since 20.10 and Podman since 3.0 serve.
/// (docs.docker.com/engine/api/v1.41)
///
/// Any number of tasks may use one at once. Every call throws ``DockerError`` or `CancellationError`.
public final class DockerClient: Sendable {
    public let endpoint: DockerEndpoint
    private let http: HTTPClient
    /// The version that paths name: the one written for here, or the oldest that the engine still takes.
    private let apiVersion = Mutex("1.41")

    /// Connects with the first call. ``shutdown()`` must be called in the end.
    public init(_ endpoint: DockerEndpoint) throws(DockerError) {
        self.endpoint = endpoint
        var configuration = HTTPClient.Configuration()
        configuration.redirectConfiguration = .disallow
        configuration.httpVersion = .http1Only
        configuration.timeout = .init(connect: .seconds(5))
        configuration.connectionPool.retryConnectionEstablishment = false
        // Each running container's log is a request that lasts; others must not wait for it.
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 100_000
        if let directory = endpoint.certificates { configuration.tlsConfiguration = try Self.tls(directory) }
        http = HTTPClient(eventLoopGroup: MultiThreadedEventLoopGroup.singleton, configuration: configuration)
    }

    /// Ends its connections.
    public func shutdown() async { try? await http.shutdown() }

    private static func tls(_ directory: String) throws(DockerError) -> TLSConfiguration {
        do {
            var tls = TLSConfiguration.makeClientConfiguration()
            tls.trustRoots = .certificates(try NIOSSLCertificate.fromPEMFile(directory + "/ca.pem"))
            tls.certificateChain = try NIOSSLCertificate.fromPEMFile(directory + "/cert.pem").map { .certificate($0) }
            tls.privateKey = .privateKey(try NIOSSLPrivateKey(file: directory + "/key.pem", format: .pem))
            return tls
        } catch {
            throw .invalidEndpoint("the certificates in \(directory) can't be used (ca.pem, cert.pem, key.pem): \(error)")
        }
    }

    // MARK: Requests

    enum Body: Sendable {
        case none
        case json([UInt8])
        /// A tar archive, read as it is sent.
        case tar(@Sendable () async throws -> ByteBuffer?)
    }

    /// An answer whose status was below 300; its body follows.
    func stream(
        _ method: HTTPMethod, _ path: String, query: [(String, String)] = [], headers: [(String, String)] = [], body: Body = .none,
        timeout: Duration?
    ) async throws -> HTTPClientResponse {
        let prefix = path == Self.versionPath ? "" : "/v" + apiVersion.withLock { $0 }
        var request = HTTPClientRequest(url: endpoint.baseURL + prefix + path + Self.encoded(query))
        request.method = method
        // A unix socket has no name of its own.
        request.headers.replaceOrAdd(name: "Host", value: "docker")
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        switch body {
        case .none:
            if method == .POST { request.headers.replaceOrAdd(name: "Content-Length", value: "0") }
        case .json(let bytes):
            request.headers.add(name: "Content-Type", value: "application/json")
            request.body = .bytes(bytes, length: .known(Int64(bytes.count)))
        case .tar(let next):
            request.headers.add(name: "Content-Type", value: "application/x-tar")
            let pieces = AsyncThrowingStream {
                do { return try await next() } catch { throw UnreadableBody(reason: error) }
            }
            request.body = .stream(pieces, length: .unknown)
        }
        let response: HTTPClientResponse
        do {
            let deadline = timeout.map { NIODeadline.now() + .nanoseconds(Int64($0 / .nanoseconds(1))) } ?? .distantFuture
            response = try await http.execute(request, deadline: deadline)
        } catch is CancellationError {
            throw CancellationError()
        } catch let error as HTTPClientError where error == .cancelled {
            throw CancellationError()
        } catch {
            // Not the engine's fault.
            if let body = error as? UnreadableBody { throw body.reason }
            throw DockerError.unreachable("The container engine at \(endpoint) does not answer: \(error)")
        }
        let status = Int(response.status.code)
        guard status < 300 else {
            let text = try await collected(response, limit: 1 << 20)
            let message = (try? JSONDecoder().decode(Refusal.self, from: Data(text)).message) ?? String(decoding: text, as: UTF8.self)
            // Podman has errors of which it says nothing.
            let reason = message.isEmpty ? "the container engine answered \(status) without a reason" : message
            throw DockerError.refused(status: status, message: reason)
        }
        return response
    }

    private struct UnreadableBody: Error { var reason: any Error }

    private struct Refusal: Decodable { var message: String }

    /// An answer's whole body.
    @discardableResult
    func send(
        _ method: HTTPMethod, _ path: String, query: [(String, String)] = [], body: Body = .none, timeout: Duration = .seconds(30)
    ) async throws -> [UInt8] {
        try await collected(stream(method, path, query: query, body: body, timeout: timeout), limit: 16 << 20)
    }

    func fetch<Value: Decodable>(
        _ type: Value.Type, _ method: HTTPMethod, _ path: String, query: [(String, String)] = [], body: Body = .none,
        timeout: Duration = .seconds(30)
    ) async throws -> Value {
        let bytes = try await send(method, path, query: query, body: body, timeout: timeout)
        do {
            return try JSONDecoder().decode(type, from: Data(bytes))
        } catch {
            throw DockerError.unexpected("the container engine's answer to \(method) \(path) can't be read: \(error)")
        }
    }

    private func collected(_ response: HTTPClientResponse, limit: Int) async throws -> [UInt8] {
        do {
            return Array(buffer: try await response.body.collect(upTo: limit))
        } catch is CancellationError {
            throw CancellationError()
        } catch {
            throw DockerError.unreachable("The container engine at \(endpoint) broke off its answer: \(error)")
        }
    }

    static func json(_ value: some Encodable) throws -> Body { .json(Array(try JSONEncoder().encode(value))) }

    private static func encoded(_ query: [(String, String)]) -> String {
        guard !query.isEmpty else { return "" }
        return "?" + query.map { "\(segment($0))=\(segment($1))" }.joined(separator: "&")
    }

    /// A part of a path or query with every reserved character encoded (RFC 3986, 2.3).
    static func segment(_ text: String) -> String { percentEncoded(text) }

    // MARK: The engine itself

    private static let versionPath = "/version"

    /// Who answers. To be asked first: an engine that has given up the API's version 1.41 (Docker since 29) is then spoken to
    /// in the oldest that it takes, in which nothing used here differs.
    public func version() async throws -> EngineVersion {
        let version = try await fetch(EngineVersion.self, .GET, Self.versionPath, timeout: .seconds(5))
        if let oldest = version.oldestAPI, Self.isNewer(oldest, than: "1.41") { apiVersion.withLock { $0 = oldest } }
        return version
    }

    /// By numbers: 1.9 is older than 1.41. Only such versions may stand in a path.
    static func isNewer(_ version: String, than other: String) -> Bool {
        let numbers = [version, other].map { $0.split(separator: ".", omittingEmptySubsequences: false).map { UInt16($0) } }
        guard let left = numbers[0] as? [UInt16], let right = numbers[1] as? [UInt16], left.count == 2, right.count == 2 else {
            return false
        }
        return (left[0], left[1]) > (right[0], right[1])
    }

    public func information() async throws -> EngineInformation {
        try await fetch(EngineInformation.self, .GET, "/info", timeout: .seconds(10))
    }
}

public struct EngineVersion: Decodable, Sendable {
    public struct Component: Decodable, Sendable {
        public var name: String

        enum CodingKeys: String, CodingKey { case name = "Name" }
    }

    public var version: String
    /// As in image references: `amd64`, `arm64`.
    public var architecture: String
    public var operatingSystem: String
    /// Of the API, such as `1.44`.
    public var oldestAPI: String?
    public var components: [Component]?

    enum CodingKeys: String, CodingKey {
        case version = "Version"
        case architecture = "Arch"
        case operatingSystem = "Os"
        case oldestAPI = "MinAPIVersion"
        case components = "Components"
    }

    /// "Docker 20.10.24", "Podman 4.3.1".
    public var name: String {
        let isPodman = components?.contains { $0.name.hasPrefix("Podman") } ?? false
        return "\(isPodman ? "Podman" : "Docker") \(version)"
    }

    public var isPodman: Bool { name.hasPrefix("Podman") }
}

public struct EngineInformation: Decodable, Sendable {
    public var securityOptions: [String]?
    /// Podman's own.
    public var rootless: Bool?
    /// `"1"` or `"2"`.
    public var cgroupVersion: String?

    enum CodingKeys: String, CodingKey {
        case securityOptions = "SecurityOptions"
        case rootless = "Rootless"
        case cgroupVersion = "CgroupVersion"
    }

    /// Whether its containers' root is an ordinary user of the host.
    public var isRootless: Bool { rootless == true || (securityOptions ?? []).contains { $0.hasPrefix("name=rootless") } }
}
