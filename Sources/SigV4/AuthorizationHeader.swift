/// The parts of `Authorization: AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=…`, or of the
/// query of a presigned URL.
public struct AuthorizationHeader: Sendable, Equatable {
    public var accessKeyID: String
    public var scope: CredentialScope
    /// Lower case, sorted, each once.
    public var signedHeaders: [String]
    /// 32 bytes.
    public var signature: [UInt8]
    /// Of a presigned URL; nil for a request that has the header.
    public var query: QueryAuthorization?

    public static let algorithm = "AWS4-HMAC-SHA256"
    private static let maximumLength = 8192

    /// 64 lower-case digits.
    public var signatureHex: String { Hex.text(signature) }

    /// Finds and reads the header of a request, or without one the query.
    public init(_ request: SigV4Request) throws(SigV4Error) {
        if let value = try request.single("authorization"), !value.isEmpty {
            try self.init(parsing: value)
        } else if let presigned = try QueryAuthorization.read(request) {
            self = presigned
        } else {
            throw .missingAuthentication
        }
    }

    /// From the parameters of a presigned URL, decoded.
    init(credential: String, signedHeaders: String, signature: String, query: QueryAuthorization) throws(SigV4Error) {
        (accessKeyID, scope) = try Self.credential(credential.utf8.span)
        self.signedHeaders = try Self.names(signedHeaders.utf8.span)
        guard let digest = Hex.digest(signature.utf8.span) else { throw .signatureMismatch }
        self.signature = digest
        self.query = query
    }

    /// Reads the value strictly: whatever could be understood in two ways is refused.
    public init(parsing value: String) throws(SigV4Error) {
        guard value.utf8.count <= Self.maximumLength else { throw .incomplete("The Authorization header is too long.") }
        // Every authenticated request passes here: the bytes are read in place, without slices.
        let bytes = value.utf8.span
        let prefix = "AWS4-HMAC-SHA256 ".utf8.span
        guard bytes.starts(with: prefix) else { throw .otherScheme(String(value.prefix { $0 != " " }.prefix(32))) }
        var credential: Range<Int>?
        var headers: Range<Int>?
        var signature: Range<Int>?
        var start = prefix.count
        while start <= bytes.count {
            let end = bytes.firstIndex(of: UInt8(ascii: ","), in: start..<bytes.count) ?? bytes.count
            while start < end, bytes[start] == UInt8(ascii: " ") { start += 1 }
            guard let equals = bytes.firstIndex(of: UInt8(ascii: "="), in: start..<end) else {
                throw .incomplete("Invalid key=value pair (missing equal-sign) in Authorization header.")
            }
            let name = bytes.extracting(start..<equals)
            let field = equals + 1..<end
            if credential == nil, name.equals("Credential".utf8.span) {
                credential = field
            } else if headers == nil, name.equals("SignedHeaders".utf8.span) {
                headers = field
            } else if signature == nil, name.equals("Signature".utf8.span) {
                signature = field
            } else {
                throw .incomplete("The Authorization header has an unknown or repeated parameter.")
            }
            start = end + 1
        }
        guard let credential else { throw .incomplete("Authorization header requires 'Credential' parameter.") }
        guard let signature else { throw .incomplete("Authorization header requires 'Signature' parameter.") }
        guard let headers else { throw .incomplete("Authorization header requires 'SignedHeaders' parameter.") }

        (accessKeyID, scope) = try Self.credential(bytes.extracting(credential))
        signedHeaders = try Self.names(bytes.extracting(headers))
        guard let digest = Hex.digest(bytes.extracting(signature)) else {
            throw .incomplete("The Signature of the Authorization header must be 64 lower-case hexadecimal digits.")
        }
        self.signature = digest
    }

    private static func credential(_ text: Span<UInt8>) throws(SigV4Error) -> (String, CredentialScope) {
        var slashes: InlineArray<4, Int> = .init(repeating: 0)
        var count = 0
        for index in text.indices where text[index] == UInt8(ascii: "/") {
            if count < 4 { slashes[count] = index }
            count += 1
        }
        guard count == 4 else {
            throw .incomplete("Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term.")
        }
        let key = text.extracting(0..<slashes[0])
        let date = text.extracting(slashes[0] + 1..<slashes[1])
        let region = text.extracting(slashes[1] + 1..<slashes[2])
        let service = text.extracting(slashes[2] + 1..<slashes[3])
        guard !key.isEmpty, key.count <= 128, key.allSatisfy(ASCII.isUnreserved) else { throw .unrecognizedClient }
        guard date.count == 8, date.allSatisfy(ASCII.isDigit) else {
            throw .incomplete("The date of the Credential must be YYYYMMDD.")
        }
        guard isLabel(region) else { throw .incomplete("Credential should be scoped to a valid region.") }
        guard isLabel(service) else { throw .incomplete("Credential should be scoped to a correct service.") }
        guard text.extracting(slashes[3] + 1..<text.count).equals("aws4_request".utf8.span) else {
            throw .incomplete("Credential should be scoped with a valid terminator: 'aws4_request'.")
        }
        return (key.text, CredentialScope(date: date.text, region: region.text, service: service.text))
    }

    private static func isLabel(_ text: Span<UInt8>) -> Bool {
        !text.isEmpty && text.count <= 64
            && text.allSatisfy { ($0 >= UInt8(ascii: "a") && $0 <= UInt8(ascii: "z")) || ASCII.isDigit($0) || $0 == UInt8(ascii: "-") }
    }

    private static func names(_ text: Span<UInt8>) throws(SigV4Error) -> [String] {
        var names: [String] = []
        names.reserveCapacity(8)
        var start = 0
        while start <= text.count {
            let end = text.firstIndex(of: UInt8(ascii: ";"), in: start..<text.count) ?? text.count
            let part = text.extracting(start..<end)
            guard !part.isEmpty, part.allSatisfy({ $0 > 0x20 && $0 < 0x7F && ASCII.lower($0) == $0 && $0 != UInt8(ascii: ":") })
            else { throw .incomplete("SignedHeaders must be lower-case header names separated by ';'.") }
            let name = part.text
            if let last = names.last, !last.utf8.lexicographicallyPrecedes(name.utf8) {
                throw .incomplete("SignedHeaders must be sorted, each name once.")
            }
            names.append(name)
            start = end + 1
        }
        return names
    }
}
