import Crypto

/// Builds the canonical request and the string to sign (AWS Signature Version 4).
struct CanonicalRequest {
    let request: SigV4Request
    let rule: SigningRule
    /// Lower case, sorted.
    let signedHeaders: [String]
    /// Hex hash or one of the words of `x-amz-content-sha256`.
    let payloadHash: String
    /// Take the port off the Host header: some signers never see it (contract §11).
    var dropsPort = false

    func bytes() -> [UInt8] {
        var output: [UInt8] = []
        output.reserveCapacity(1024)
        output.append(contentsOf: request.method.utf8)
        output.append(Self.newline)
        appendPath(to: &output)
        output.append(Self.newline)
        Self.appendQuery(request.rawQuery, to: &output)
        output.append(Self.newline)
        for name in signedHeaders {
            output.append(contentsOf: name.utf8)
            output.append(UInt8(ascii: ":"))
            appendValues(name, to: &output)
            output.append(Self.newline)
        }
        output.append(Self.newline)
        for (index, name) in signedHeaders.enumerated() {
            if index > 0 { output.append(UInt8(ascii: ";")) }
            output.append(contentsOf: name.utf8)
        }
        output.append(Self.newline)
        output.append(contentsOf: payloadHash.utf8)
        return output
    }

    func stringToSign(time: String, scope: CredentialScope) -> [UInt8] {
        let hash = SHA256.hash(data: bytes())
        var output: [UInt8] = []
        output.reserveCapacity(192)
        output.append(contentsOf: AuthorizationHeader.algorithm.utf8)
        output.append(Self.newline)
        output.append(contentsOf: time.utf8)
        output.append(Self.newline)
        scope.append(to: &output)
        output.append(Self.newline)
        Hex.append(hash, to: &output)
        return output
    }

    private static let newline = UInt8(ascii: "\n")

    // MARK: Headers

    /// All values of a header in their order, joined with commas, spaces folded.
    private func appendValues(_ name: String, to output: inout [UInt8]) {
        var isFirst = true
        for header in request.headers where ASCII.equalsLowercased(header.0, name) {
            if !isFirst { output.append(UInt8(ascii: ",")) }
            isFirst = false
            let start = output.count
            Self.appendFolded(header.1, to: &output)
            if dropsPort, name == "host", let colon = output[start...].lastIndex(of: UInt8(ascii: ":")),
                output[(colon + 1)...].allSatisfy(ASCII.isDigit)
            {
                output.removeSubrange(colon...)
            }
        }
    }

    /// Without spaces at the ends, runs of spaces and tabs as one space.
    private static func appendFolded(_ value: String, to output: inout [UInt8]) {
        let start = output.count
        var spacePending = false
        for byte in value.utf8 {
            if byte == 0x20 || byte == 0x09 {
                spacePending = output.count > start
            } else {
                if spacePending { output.append(0x20) }
                spacePending = false
                output.append(byte)
            }
        }
    }

    // MARK: Path

    private func appendPath(to output: inout [UInt8]) {
        guard !request.rawPath.isEmpty else { return output.append(UInt8(ascii: "/")) }
        switch rule {
        case .s3: Self.appendEncodedOnce(request.rawPath.utf8, keeping: { $0 == UInt8(ascii: "/") }, to: &output)
        case .standard:
            if Self.needsNormalising(request.rawPath.utf8) {
                Self.appendEncoded(Self.normalised(request.rawPath).utf8, to: &output)
            } else {
                Self.appendEncoded(request.rawPath.utf8, to: &output)
            }
        }
    }

    private static func needsNormalising(_ path: String.UTF8View) -> Bool {
        var previous: UInt8 = 0
        for byte in path {
            if previous == UInt8(ascii: "/"), byte == UInt8(ascii: "/") || byte == UInt8(ascii: ".") { return true }
            previous = byte
        }
        return false
    }

    /// RFC 3986 §5.2.4 and doubled slashes removed, as botocore's `normalize_url_path` does.
    static func normalised(_ path: String) -> String {
        var segments: [Substring] = []
        for segment in path.split(separator: "/") where segment != "." {
            if segment == ".." {
                _ = segments.popLast()
            } else {
                segments.append(segment)
            }
        }
        let joined = "/" + segments.joined(separator: "/")
        return path.hasSuffix("/") && !segments.isEmpty ? joined + "/" : joined
    }

    /// Percent-encodes what is there, `%` included; slashes stay.
    private static func appendEncoded(_ text: String.UTF8View, to output: inout [UInt8]) {
        for byte in text {
            if ASCII.isUnreserved(byte) || byte == UInt8(ascii: "/") {
                output.append(byte)
            } else {
                appendPercent(byte, to: &output)
            }
        }
    }

    /// Brings a text that may be encoded already to the one canonical encoding.
    private static func appendEncodedOnce(
        _ text: some Sequence<UInt8>, keeping isKept: (UInt8) -> Bool = { _ in false }, to output: inout [UInt8]
    ) {
        var iterator = text.makeIterator()
        while let byte = iterator.next() {
            if byte == UInt8(ascii: "%") {
                guard let first = iterator.next(), let second = iterator.next(),
                    let high = Hex.value(first), let low = Hex.value(second)
                else {
                    // Malformed: no signer can have produced it, the signature will not match.
                    output.append(byte)
                    continue
                }
                let decoded = high << 4 | low
                if ASCII.isUnreserved(decoded) {
                    output.append(decoded)
                } else {
                    appendPercent(decoded, to: &output)
                }
            } else if ASCII.isUnreserved(byte) || isKept(byte) {
                output.append(byte)
            } else {
                appendPercent(byte, to: &output)
            }
        }
    }

    @inline(__always)
    private static func appendPercent(_ byte: UInt8, to output: inout [UInt8]) {
        output.append(UInt8(ascii: "%"))
        output.append(Hex.upperDigit(byte >> 4))
        output.append(Hex.upperDigit(byte & 15))
    }

    // MARK: Query

    /// Names and values encoded once, sorted by name, then by value; a name alone gets `=`.
    static func appendQuery(_ raw: String, to output: inout [UInt8]) {
        guard !raw.isEmpty else { return }
        // One parameter, the usual case, needs no sorting.
        if !raw.utf8.contains(UInt8(ascii: "&")) {
            var isName = true
            appendEncodedOnce(
                raw.utf8,
                keeping: { byte in
                    defer { if byte == UInt8(ascii: "=") { isName = false } }
                    return byte == UInt8(ascii: "=") && isName
                }, to: &output)
            if isName { output.append(UInt8(ascii: "=")) }
            return
        }
        var pairs: [(name: [UInt8], value: [UInt8])] = []
        for part in raw.utf8.split(separator: UInt8(ascii: "&")) {
            let sides = part.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            var name: [UInt8] = []
            var value: [UInt8] = []
            appendEncodedOnce(sides[0], to: &name)
            if sides.count == 2 { appendEncodedOnce(sides[1], to: &value) }
            pairs.append((name, value))
        }
        if pairs.count > 1 {
            pairs.sort {
                $0.name == $1.name
                    ? $0.value.lexicographicallyPrecedes($1.value) : $0.name.lexicographicallyPrecedes($1.name)
            }
        }
        for (index, pair) in pairs.enumerated() {
            if index > 0 { output.append(UInt8(ascii: "&")) }
            output.append(contentsOf: pair.name)
            output.append(UInt8(ascii: "="))
            output.append(contentsOf: pair.value)
        }
    }
}

extension CredentialScope {
    func append(to output: inout [UInt8]) {
        output.append(contentsOf: date.utf8)
        output.append(UInt8(ascii: "/"))
        output.append(contentsOf: region.utf8)
        output.append(UInt8(ascii: "/"))
        output.append(contentsOf: service.utf8)
        output.append(contentsOf: "/aws4_request".utf8)
    }
}
