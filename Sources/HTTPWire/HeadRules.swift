public import NIOHTTP1

/// The rules for a request head beyond what the parser enforces.
///
/// The parser (NIOHTTP1, llhttp in strict mode) refuses bare CR and LF, NUL, obsolete folding, white
/// space before the colon and malformed lengths. These rules refuse what two parsers could read in two
/// ways: whatever is ambiguous is not passed on (RFC 9112 §6.1, §6.3, §11.2).
public struct HeadRules: Sendable {
    public var limits: WireLimits

    public init(limits: WireLimits = WireLimits()) { self.limits = limits }

    /// What the rules read from a head that keeps them.
    public struct Accepted: Sendable, Equatable {
        public var framing: BodyFraming
        public var expectsContinue = false
        /// The client would go on in another protocol, which we do not.
        public var asksForUpgrade = false
    }

    public func check(_ head: HTTPRequestHead) throws(WireRefusal) -> Accepted {
        let isOneOne = head.version == .http1_1
        guard isOneOne || head.version == .http1_0 else {
            throw WireRefusal(505, "HTTP/\(head.version.major).\(head.version.minor) is not supported")
        }
        try checkTarget(head)
        let fields = try scan(head.headers)
        if isOneOne, fields.hosts != 1 { throw .bad("a request has exactly one Host header") }
        if fields.hosts > 1 { throw .bad("a request has exactly one Host header") }
        if let expectation = fields.expectation, !equalsIgnoringCase(expectation, "100-continue") {
            throw WireRefusal(417, "the only expectation that can be met is 100-continue")
        }
        return Accepted(
            framing: try framing(fields, isOneOne: isOneOne), expectsContinue: isOneOne && fields.expectation != nil,
            asksForUpgrade: fields.asksForUpgrade)
    }

    private struct Fields {
        var hosts = 0
        var lengths = 0
        var length = ""
        var codings = 0
        var coding = ""
        var expectation: String?
        var asksForUpgrade = false
    }

    private func checkTarget(_ head: HTTPRequestHead) throws(WireRefusal) {
        let bytes = head.uri.utf8
        guard bytes.count <= limits.targetBytes else {
            throw WireRefusal(414, "the request target is longer than \(limits.targetBytes) bytes")
        }
        if head.method == .OPTIONS, head.uri == "*" { return }
        guard bytes.first == UInt8(ascii: "/") else {
            throw .bad("the request target must be a path that begins with '/'")
        }
        guard FieldSyntax.isTarget(head.uri) else {
            throw .bad("the request target holds a byte that must be percent-encoded")
        }
    }

    private func scan(_ headers: HTTPHeaders) throws(WireRefusal) -> Fields {
        var fields = Fields()
        var count = 0
        var total = 0
        for (name, value) in headers {
            count += 1
            total += name.utf8.count + value.utf8.count
            guard FieldSyntax.isToken(name) else { throw .bad("a header name holds a byte that is not allowed there") }
            guard FieldSyntax.isValue(value) else { throw .bad("a header value holds a control character") }
            // The length of the name decides first: most fields are none of these.
            switch name.utf8.count {
            case 4 where equalsIgnoringCase(name, "host"):
                fields.hosts += 1
                guard FieldSyntax.isHost(value) else { throw .bad("the Host header is malformed") }
            case 6 where equalsIgnoringCase(name, "expect"):
                fields.expectation = value
            case 7 where equalsIgnoringCase(name, "upgrade"):
                fields.asksForUpgrade = true
            case 14 where equalsIgnoringCase(name, "content-length"):
                fields.lengths += 1
                fields.length = value
            case 17 where equalsIgnoringCase(name, "transfer-encoding"):
                fields.codings += 1
                fields.coding = value
            default:
                break
            }
        }
        guard count <= limits.headerCount else {
            throw WireRefusal(431, "a request may have at most \(limits.headerCount) header fields")
        }
        guard total <= limits.headBytes else {
            throw WireRefusal(431, "the header fields are longer than \(limits.headBytes) bytes")
        }
        return fields
    }

    private func framing(_ fields: Fields, isOneOne: Bool) throws(WireRefusal) -> BodyFraming {
        if fields.codings > 0 {
            if fields.lengths > 0 { throw .bad("Content-Length and Transfer-Encoding exclude each other") }
            if !isOneOne { throw .bad("Transfer-Encoding needs HTTP/1.1") }
            if fields.codings > 1 { throw .bad("Transfer-Encoding is given more than once") }
            guard equalsIgnoringCase(fields.coding, "chunked") else {
                throw WireRefusal(501, "the only transfer coding understood is 'chunked'")
            }
            return .chunked
        }
        switch fields.lengths {
        case 0: return .none
        case 1:
            guard let length = FieldSyntax.length(fields.length) else { throw .bad("the Content-Length is malformed") }
            return .length(length)
        default: throw .bad("Content-Length is given more than once")
        }
    }
}
