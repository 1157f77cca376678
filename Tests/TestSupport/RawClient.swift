import Foundation
import Glibc

/// A blocking client socket that sends and shows exact bytes. For threads of its own (`onThread`).
///
/// Unchecked: a test hands it from one thread to the next and never uses it from two at once.
public final class RawClient: @unchecked Sendable {
    public struct Response: Sendable {
        public var status = 0
        public var head = ""
        public var body: [UInt8] = []
        public var isComplete = false
        public var text: String { String(decoding: body, as: UTF8.self) }

        public func field(_ name: String) -> String? {
            for line in head.split(separator: "\r\n").dropFirst() {
                let parts = line.split(separator: ":", maxSplits: 1)
                if parts[0].lowercased() == name.lowercased() { return parts[1].drop { $0 == " " }.description }
            }
            return nil
        }
    }

    public let descriptor: CInt
    private var buffer: [UInt8] = []

    public init(port: Int, receiveBuffer: CInt? = nil) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        if var receiveBuffer { setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &receiveBuffer, socklen_t(MemoryLayout<CInt>.size)) }
        var timeout = timeval(tv_sec: 60, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
        var one: CInt = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<CInt>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else { throw POSIXError(.ECONNREFUSED) }
    }

    deinit { close(descriptor) }

    /// False once the other side does not take more.
    @discardableResult
    public func send(_ bytes: [UInt8]) -> Bool {
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress! + done, bytes.count - done, Int32(MSG_NOSIGNAL)) }
            if count <= 0 { return false }
            done += count
        }
        return true
    }

    @discardableResult
    public func send(_ text: String) -> Bool { send(Array(text.utf8)) }

    public func finishSending() { shutdown(descriptor, Int32(SHUT_WR)) }

    /// Some bytes; empty at the end or after the timeout.
    public func receive(_ limit: Int = 65_536) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: limit)
        let count = recv(descriptor, &bytes, limit, 0)
        return count > 0 ? Array(bytes[..<count]) : []
    }

    private func fill() -> Bool {
        let bytes = receive()
        buffer += bytes
        return !bytes.isEmpty
    }

    private func line() -> String? {
        var start = 0
        while true {
            if buffer.count >= 2 {
                for index in max(0, start - 1)..<(buffer.count - 1) where buffer[index] == 13 && buffer[index + 1] == 10 {
                    let line = String(decoding: buffer[..<index], as: UTF8.self)
                    buffer.removeFirst(index + 2)
                    return line
                }
            }
            start = buffer.count
            if !fill() { return nil }
        }
    }

    private func take(_ count: Int) -> [UInt8]? {
        while buffer.count < count { if !fill() { return nil } }
        defer { buffer.removeFirst(count) }
        return Array(buffer[..<count])
    }

    public func head() -> Response? {
        var response = Response()
        guard let first = line() else { return nil }
        response.status = Int(first.split(separator: " ").dropFirst().first ?? "") ?? 0
        response.head = first
        while let next = line(), !next.isEmpty { response.head += "\r\n" + next }
        return response
    }

    /// One chunk of a chunked body; empty at its end, nil when it is cut.
    public func chunk() -> [UInt8]? {
        guard let size = line().flatMap({ Int($0, radix: 16) }), let bytes = take(size), line() == "" else { return nil }
        return bytes
    }

    public func response() -> Response? {
        guard var response = head() else { return nil }
        if response.status == 100 { return self.response() }
        if response.field("transfer-encoding") == "chunked" {
            while let bytes = chunk() {
                if bytes.isEmpty {
                    response.isComplete = true
                    break
                }
                response.body += bytes
            }
        } else if let length = response.field("content-length").flatMap({ Int($0) }) {
            if let bytes = take(length) {
                response.body = bytes
                response.isComplete = true
            }
        }
        return response
    }
}

/// Blocking work off the cooperative pool.
public func onThread<Value: Sendable>(_ work: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        Thread.detachNewThread { continuation.resume(with: Result { try work() }) }
    }
}
