import AgentCoreModel
import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import Platform

/// The head of an agent's answer.
public struct InvocationHead: Sendable, Equatable {
    /// The session that answered: the one asked for, or a new one's id.
    public var sessionID: String?
    public var contentType: String?
}

/// What an agent is asked.
public struct InvocationRequest: Sendable {
    public var qualifier: String?
    /// nil: the server opens a session of its own.
    public var sessionID: String?
    public var contentType: String?
    public var accept: String?
    public var payload: [UInt8]

    public init(
        qualifier: String? = nil, sessionID: String? = nil, contentType: String? = nil, accept: String? = nil,
        payload: [UInt8]
    ) {
        self.qualifier = qualifier
        self.sessionID = sessionID
        self.contentType = contentType
        self.accept = accept
        self.payload = payload
    }
}

/// Data-plane calls.
extension SignalboxClient {
    static let sessionHeader = "X-Amzn-Bedrock-AgentCore-Runtime-Session-Id"

    /// Calls an agent and hands on its answer as it comes: first its head, then each chunk. The agent is held
    /// back while `onChunk` works.
    public func invoke(
        _ runtime: RuntimeHandle, _ request: InvocationRequest, onHead: (InvocationHead) throws -> Void,
        onChunk: ([UInt8]) async throws -> Void
    ) async throws {
        var headers: [(String, String)] = []
        if let type = request.contentType { headers.append(("content-type", type)) }
        if let accept = request.accept { headers.append(("accept", accept)) }
        if let session = request.sessionID { headers.append((Self.sessionHeader, session)) }
        let call = SignedCall(
            method: "POST", base: connection.dataPlane, path: "/runtimes/\(PercentEncoding.encode(runtime.arn))/invocations",
            query: request.qualifier.map { [("qualifier", $0)] } ?? [], headers: headers, body: request.payload)
        let response = try await stream(call, timeout: nil)
        try onHead(
            InvocationHead(
                sessionID: response.headers.first(name: Self.sessionHeader),
                contentType: response.headers.first(name: "content-type")))
        var chunks = response.body.makeAsyncIterator()
        while let chunk = try await next(&chunks) { try await onChunk(Array(buffer: chunk)) }
    }

    private func next(_ chunks: inout HTTPClientResponse.Body.AsyncIterator) async throws -> ByteBuffer? {
        do {
            return try await chunks.next()
        } catch is CancellationError {
            throw CancellationError()
        } catch {
            throw ClientError.unreachable(url: connection.dataPlane, reason: "the answer broke off: \(error)")
        }
    }

    /// Ends a session; its sandbox is gone afterwards.
    public func sessionStop(_ runtime: RuntimeHandle, session: String, qualifier: String?) async throws {
        let body = JSONValue.object(["clientToken": .string(Identifier.uuid())])
        let call = SignedCall(
            method: "POST", base: connection.dataPlane,
            path: "/runtimes/\(PercentEncoding.encode(runtime.arn))/stopruntimesession",
            query: qualifier.map { [("qualifier", $0)] } ?? [],
            headers: [("content-type", "application/json"), (Self.sessionHeader, session)], body: body.bytes())
        _ = try await send(call)
    }
}
