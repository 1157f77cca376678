import AgentCoreModel
import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import NIOPosix

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// Signed calls to a Signalbox. Any number of tasks may use one at once.
///
/// Calls throw ``ClientError``.
public struct SignalboxClient: Sendable {
    public let connection: Connection
    private let http: HTTPClient

    /// Makes a client for the time of `body`, then closes its connections.
    public static func with<Value: Sendable>(
        _ connection: Connection, _ body: (SignalboxClient) async throws -> Value
    ) async throws -> Value {
        try await with(connection, connectTimeout: .seconds(10), body)
    }

    static func with<Value: Sendable>(
        _ connection: Connection, connectTimeout: TimeAmount, _ body: (SignalboxClient) async throws -> Value
    ) async throws -> Value {
        var configuration = HTTPClient.Configuration()
        configuration.redirectConfiguration = .disallow
        // No read timeout: an agent may think for long between two chunks.
        configuration.timeout = .init(connect: connectTimeout)
        configuration.httpVersion = .http1Only
        // A refused connection is told at once, not after as many new tries as the timeout allows.
        configuration.connectionPool.retryConnectionEstablishment = false
        if let tls = try connection.trust.configuration() { configuration.tlsConfiguration = tls }
        let http = HTTPClient(eventLoopGroup: HTTPClient.defaultEventLoopGroup, configuration: configuration)
        let result: Result<Value, any Error>
        do {
            result = .success(try await body(Self(connection: connection, http: http)))
        } catch {
            result = .failure(error)
        }
        try? await http.shutdown()
        return try result.get()
    }

    /// Sends a call and returns once the head of a successful answer is there; its body follows as it comes.
    func stream(_ call: SignedCall, timeout: Duration?) async throws -> HTTPClientResponse {
        var request = HTTPClientRequest(url: call.url)
        request.method = HTTPMethod(rawValue: call.method)
        request.headers = HTTPHeaders(call.signed(by: connection.credential, region: connection.region, at: Date()))
        if !call.body.isEmpty || call.method == "PUT" || call.method == "POST" {
            request.body = .bytes(call.body, length: .known(Int64(call.body.count)))
        }
        let response: HTTPClientResponse
        do {
            let deadline = timeout.map { NIODeadline.now() + .nanoseconds($0.nanoseconds) } ?? .distantFuture
            response = try await http.execute(request, deadline: deadline)
        } catch is CancellationError {
            throw CancellationError()
        } catch {
            throw ClientError.unreachable(url: call.base, reason: Self.reason(error))
        }
        guard !(200..<300).contains(Int(response.status.code)) else { return response }
        let body = try await Self.collect(response, limit: 1 << 20, from: call.base)
        throw ClientError.refused(Refusals.read(response, body))
    }

    /// Sends a call and returns its whole answer.
    ///
    /// It is sent again, at most twice, when it was throttled, met a server whose database is away, or lost its
    /// connection. That is safe for every call made this way: it reads, or it has a client token, or it puts what
    /// is there already. An invocation is none of these and goes by ``stream(_:timeout:)``.
    func send(_ call: SignedCall, timeout: Duration = .seconds(60)) async throws -> (HTTPHeaders, [UInt8]) {
        var attempt = 1
        while true {
            do {
                let response = try await stream(call, timeout: timeout)
                return (response.headers, try await Self.collect(response, limit: 64 << 20, from: call.base))
            } catch let error as ClientError where attempt < 3 && Self.isPassing(error) {
                try await Task.sleep(for: .milliseconds(error.status == nil ? 50 : 1000) * attempt)
                attempt += 1
            }
        }
    }

    /// Sends a control-plane call; an empty answer is an empty object.
    func json(
        _ method: String, _ path: String, query: [(String, String)] = [], body: JSONValue? = nil
    ) async throws -> JSONValue {
        let headers = body == nil ? [] : [("content-type", "application/json")]
        let call = SignedCall(
            method: method, base: connection.controlPlane, path: path, query: query, headers: headers,
            body: body?.bytes() ?? [])
        let (_, bytes) = try await send(call)
        if bytes.isEmpty { return .object([:]) }
        do {
            return try JSONValue(parsing: bytes)
        } catch {
            throw ClientError.unexpected(
                "\(connection.controlPlane) answered \(method) \(path) with something that is not JSON: \(error)")
        }
    }

    private static func collect(_ response: HTTPClientResponse, limit: Int, from base: String) async throws -> [UInt8] {
        do {
            return Array(buffer: try await response.body.collect(upTo: limit))
        } catch is CancellationError {
            throw CancellationError()
        } catch {
            throw ClientError.unreachable(url: base, reason: "the answer broke off: \(reason(error))")
        }
    }

    private static let lost = "the connection was closed before an answer came"

    private static func isPassing(_ error: ClientError) -> Bool {
        switch error {
        case .refused(let refusal): refusal.status == 429 || refusal.status == 503
        case .unreachable(_, let reason): reason == lost
        default: false
        }
    }

    private static func reason(_ error: any Error) -> String {
        switch error {
        case let error as HTTPClientError where error == .remoteConnectionClosed: lost
        case ChannelError.ioOnClosedChannel: lost
        case let error as IOError where error.errnoCode == ECONNRESET || error.errnoCode == EPIPE: lost
        case let error as HTTPClientError where error == .deadlineExceeded: "no answer in time"
        case let error as HTTPClientError where error == .connectTimeout: "no connection in time"
        case let error as HTTPClientError: error.shortDescription
        case let error as NIOConnectionError: error.connectionErrors.first.map { reason($0.error) } ?? "connection refused"
        case let error as IOError: error.errnoCode == ECONNREFUSED ? "connection refused" : error.description
        default: "\(error)"
        }
    }
}

extension Duration {
    var nanoseconds: Int64 { components.seconds * 1_000_000_000 + components.attoseconds / 1_000_000_000 }
}
