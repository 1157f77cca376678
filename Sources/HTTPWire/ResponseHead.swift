public import NIOCore

/// Head of an agent's response: its bytes, and where each field stands in them.
public struct ResponseHead: Sendable {
    /// Offsets from the start of the head.
    struct Field: Sendable {
        var name: Range<Int>
        var value: Range<Int>
    }

    public var status: Int
    public var framing: BodyFraming
    /// Whether the connection may carry another request after this response.
    public var keepAlive: Bool
    var bytes: ByteBuffer
    var fields: [Field]

    /// The value of the first field of that name, without surrounding white space. `lowercase` must be
    /// lower case.
    public func value(_ lowercase: StaticString) -> ByteBufferView? {
        let count = lowercase.utf8CodeUnitCount
        let index = bytes.withUnsafeReadableBytes { pointer in
            fields.firstIndex {
                $0.name.count == count && equalsIgnoringCase(bytes: UnsafeRawBufferPointer(rebasing: pointer[$0.name]), lowercase)
            }
        }
        guard let index else { return nil }
        let start = bytes.readerIndex + fields[index].value.lowerBound
        return bytes.viewBytes(at: start, length: fields[index].value.count)
    }

    public func text(_ lowercase: StaticString) -> String? { value(lowercase).map { String(decoding: $0, as: UTF8.self) } }
}

extension WireFault: CustomStringConvertible {
    public var description: String { "the agent's response is malformed: \(reason)" }
}

/// A response that cannot be understood in exactly one way. The connection it came on is unusable.
public struct WireFault: Error, Equatable, Sendable {
    public var reason: String
    init(_ reason: String) { self.reason = reason }
}

/// Strict parser of a response head, without copying: line ends are CRLF, names are tokens, nothing is
/// folded, lengths are plain digits, and a length excludes a transfer coding.
struct ResponseHeadParser {
    var maximumFields = 200

    private struct Facts {
        var status = 0
        var isOneOne = false
        var fields: [ResponseHead.Field] = []
        var length: Int?
        var isChunked = false
        var saysClose = false
        var saysKeepAlive = false
    }

    /// `bytes`: the head with its empty line. `answersHead`: the request's method was HEAD.
    func parse(_ bytes: ByteBuffer, answersHead: Bool) throws(WireFault) -> ResponseHead {
        let result: Result<Facts, WireFault> = bytes.withUnsafeReadableBytes { pointer in
            do throws(WireFault) { return .success(try read(pointer)) } catch { return .failure(error) }
        }
        let facts = try result.get()
        if facts.isChunked, facts.length != nil { throw WireFault("Content-Length and Transfer-Encoding together") }
        if facts.isChunked, !facts.isOneOne { throw WireFault("Transfer-Encoding in HTTP/1.0") }
        let framing: BodyFraming
        if answersHead || facts.status == 204 || facts.status == 304 || (100..<200).contains(facts.status) {
            framing = .none
        } else if facts.isChunked {
            framing = .chunked
        } else if let length = facts.length {
            framing = length == 0 ? .none : .length(length)
        } else {
            framing = .untilClose
        }
        let mayStay = facts.isOneOne ? !facts.saysClose : facts.saysKeepAlive && !facts.saysClose
        return ResponseHead(
            status: facts.status, framing: framing, keepAlive: mayStay && framing != .untilClose, bytes: bytes, fields: facts.fields)
    }

    /// Offsets in `Facts.fields` count from the start of the bytes.
    private func read(_ bytes: UnsafeRawBufferPointer) throws(WireFault) -> Facts {
        var facts = Facts()
        guard let lineEnd = endOfLine(bytes, from: 0) else { throw WireFault("no status line") }
        (facts.status, facts.isOneOne) = try statusLine(UnsafeRawBufferPointer(rebasing: bytes[..<lineEnd]))
        facts.fields.reserveCapacity(8)
        var position = lineEnd + 2
        while true {
            guard let end = endOfLine(bytes, from: position) else { throw WireFault("a line does not end with CRLF") }
            if end == position { return facts }
            let field = try field(bytes, position..<end)
            guard facts.fields.count < maximumFields else { throw WireFault("more than \(maximumFields) header fields") }
            facts.fields.append(field)
            try note(
                UnsafeRawBufferPointer(rebasing: bytes[field.name]), UnsafeRawBufferPointer(rebasing: bytes[field.value]), in: &facts)
            position = end + 2
        }
    }

    private func note(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer, in facts: inout Facts) throws(WireFault) {
        switch name.count {
        case 10 where equalsIgnoringCase(bytes: name, "connection"):
            for option in value.split(separator: UInt8(ascii: ",")) {
                let trimmed = option.drop { $0 == 0x20 || $0 == 0x09 }
                let bare = UnsafeRawBufferPointer(rebasing: trimmed.prefix { $0 != 0x20 && $0 != 0x09 })
                if equalsIgnoringCase(bytes: bare, "close") { facts.saysClose = true }
                if equalsIgnoringCase(bytes: bare, "keep-alive") { facts.saysKeepAlive = true }
            }
        case 14 where equalsIgnoringCase(bytes: name, "content-length"):
            guard let parsed = FieldSyntax.length(bytes: value) else { throw WireFault("bad Content-Length") }
            guard facts.length == nil else { throw WireFault("more than one Content-Length") }
            facts.length = parsed
        case 17 where equalsIgnoringCase(bytes: name, "transfer-encoding"):
            guard !facts.isChunked else { throw WireFault("more than one Transfer-Encoding") }
            guard equalsIgnoringCase(bytes: value, "chunked") else { throw WireFault("unknown transfer coding") }
            facts.isChunked = true
        default: break
        }
    }

    private func endOfLine(_ bytes: UnsafeRawBufferPointer, from start: Int) -> Int? {
        var index = start
        while index < bytes.count, bytes[index] != UInt8(ascii: "\n") { index += 1 }
        guard index < bytes.count, index > start, bytes[index - 1] == UInt8(ascii: "\r") else { return nil }
        return index - 1
    }

    private func statusLine(_ line: UnsafeRawBufferPointer) throws(WireFault) -> (Int, Bool) {
        guard line.count >= 12, line[..<7].elementsEqual("HTTP/1.".utf8), line[8] == UInt8(ascii: " ")
        else { throw WireFault("bad status line") }
        let minor = line[7]
        guard minor == UInt8(ascii: "0") || minor == UInt8(ascii: "1") else { throw WireFault("bad HTTP version") }
        guard let status = FieldSyntax.length(bytes: line[9..<12]), (100...999).contains(status),
            line.count == 12 || line[12] == UInt8(ascii: " "), line.allSatisfy(FieldSyntax.isValueByte)
        else { throw WireFault("bad status line") }
        return (status, minor == UInt8(ascii: "1"))
    }

    private func field(_ bytes: UnsafeRawBufferPointer, _ line: Range<Int>) throws(WireFault) -> ResponseHead.Field {
        var colon = line.lowerBound
        while colon < line.upperBound, bytes[colon] != UInt8(ascii: ":") {
            guard FieldSyntax.isTokenByte(bytes[colon]) else {
                throw WireFault("a header name holds a byte that is not allowed there")
            }
            colon += 1
        }
        guard colon < line.upperBound, colon > line.lowerBound else { throw WireFault("a header line without a name") }
        func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }
        var start = colon + 1
        var end = line.upperBound
        while start < end, isSpace(bytes[start]) { start += 1 }
        while end > start, isSpace(bytes[end - 1]) { end -= 1 }
        for index in start..<end where !FieldSyntax.isValueByte(bytes[index]) {
            throw WireFault("a header value holds a control character")
        }
        return ResponseHead.Field(name: line.lowerBound..<colon, value: start..<end)
    }
}
