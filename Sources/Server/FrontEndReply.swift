import HTTPTypes
import HTTPWire
import Hummingbird
import Logging
import NIOCore
import Platform

/// A task's way to the reply of its request: every call runs on the connection's event loop.
struct ReplyHandle: Sendable {
    let bridge: NIOLoopBound<FrontEndBridge>
    let eventLoop: any EventLoop

    func onLoop<Value: Sendable>(_ work: @escaping @Sendable (FrontEndBridge) -> Value) async throws -> Value {
        if eventLoop.inEventLoop { return work(bridge.value) }
        return try await eventLoop.submit { work(bridge.value) }.get()
    }

    func send(_ response: Response, omitsBody: Bool) async throws {
        let status = Int(response.status.code)
        // The router's own refusals have no body; every error of ours has one.
        if status >= 400, !omitsBody, response.body.contentLength == 0 { throw HTTPError(response.status) }
        let announced = response.headers[.contentLength].flatMap { Int($0) }
        let length = omitsBody ? announced ?? response.body.contentLength : response.body.contentLength ?? announced
        let fields = Self.fields(response.headers)
        try await onLoop { $0.reply.begin(status: status, framing: length.map { .length($0) } ?? .streaming, fields: fields) }
        if omitsBody {
            return try await onLoop { bridge in
                bridge.reply.end()
                bridge.finished()
            }
        }
        try await response.body.write(BridgeBodyWriter(handle: self, length: length))
        try await onLoop { bridge in
            // Does nothing if the body's own closure did it.
            bridge.reply.end()
            bridge.finished()
        }
    }

    /// Whatever a handler throws that no middleware turned into a reply.
    func send(failure: any Error, logger: Logger, _ observation: RequestObservation) async {
        let error = Self.error(failure)
        let wire = WireError(error)
        if wire.status >= 500 { observation.log(failure: error, isDefect: error.kind == .internal, logger) }
        try? await onLoop { bridge in
            bridge.finished()
            // Too late for a status: an incomplete reply is all that can still be said.
            guard !bridge.reply.hasBegun else { return bridge.reply.abort() }
            var fields = FieldBlock()
            for (name, value) in wire.headers { fields.add(name, value) }
            bridge.reply.send(status: wire.status, fields: fields, body: ByteBuffer(bytes: wire.body))
        }
    }

    private static func error(_ failure: any Error) -> SignalboxError {
        if let error = failure as? SignalboxError { return error }
        guard let error = failure as? any HTTPResponseError else { return .internal("\(failure)") }
        switch error.status {
        case .notFound: return SignalboxError(.unknownOperation, "There is no such operation.")
        case .contentTooLarge: return SignalboxError(.payloadTooLarge, "The request body is too large.")
        case .methodNotAllowed: return SignalboxError(.methodNotAllowed(allow: ""), "The operation has another method.")
        case .badRequest: return .validation("The request is malformed.", reason: .cannotParse)
        default: return .internal("\(failure)")
        }
    }

    private static func fields(_ headers: HTTPFields) -> FieldBlock {
        var fields = FieldBlock()
        for field in headers {
            switch field.name {
            case .contentLength, .date, .connection, .transferEncoding: continue
            default: if field.name.canonicalName != "x-amzn-requestid" { fields.add(field.name.rawName, field.value) }
            }
        }
        return fields
    }
}

/// Writes a Hummingbird response's body with back-pressure.
private struct BridgeBodyWriter: ResponseBodyWriter {
    let handle: ReplyHandle
    let length: Int?

    mutating func write(_ buffer: ByteBuffer) async throws {
        let isWhole = length == buffer.readableBytes
        let goOn = try await handle.onLoop { bridge in
            // To a client that is gone: `await` below throws.
            guard !bridge.isCancelled else { return false }
            bridge.reply.write(buffer)
            // A body in one piece leaves with its head and its end, in one write: nothing to wait for before.
            if isWhole { return true }
            bridge.reply.flush()
            return bridge.reply.isWritable
        }
        guard !goOn else { return }
        let handle = handle
        try await withCheckedThrowingContinuation { continuation in
            if handle.eventLoop.inEventLoop {
                handle.bridge.value.await(continuation)
            } else {
                handle.eventLoop.execute { handle.bridge.value.await(continuation) }
            }
        }
    }

    consuming func finish(_ trailingHeaders: HTTPFields?) async throws {
        try await handle.onLoop { $0.reply.end() }
    }
}
