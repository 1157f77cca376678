/// Takes the `aws-chunked` framing off a body, piece by piece, and checks what it carries: chunk
/// signatures, the trailing checksum, the decoded length.
///
/// The bytes it returns are not trustworthy before `finish()` returned: keep them out of sight until
/// then.
public struct AWSChunkedDecoder: Sendable {
    private let variant: AWSChunkedVariant
    /// From `x-amz-decoded-content-length`.
    private let decodedLength: Int64
    /// Lower case; from `x-amz-trailer`.
    private let trailerName: String?
    private var signer: ChunkSigner?
    private var checksum: PayloadChecksum?

    private var state = State.size
    private var line: [UInt8] = []
    private var chunkSignature: ArraySlice<UInt8> = []
    private var received: Int64 = 0
    private var trailerLines: [UInt8] = []
    private var trailerValue: String?
    private var isTrailerSigned = false

    private enum State: Sendable, Equatable {
        case size
        case data(remaining: Int64)
        /// CR LF after a chunk's data.
        case dataEnd
        case trailers
        case done
    }

    private static let maximumLine = 1024
    private static let maximumTrailers = 4096

    /// - Parameters:
    ///   - decodedLength: Value of `x-amz-decoded-content-length`, which is required.
    ///   - trailer: Value of `x-amz-trailer`; nil when the header is absent.
    ///   - seed: The verified signature of the request; used by the signed variants.
    public init(
        _ variant: AWSChunkedVariant, decodedLength: Int64, trailer: String?, key: SigningKey, seed: VerifiedSignature
    ) throws(AWSChunkedError) {
        guard decodedLength >= 0 else { throw .malformed("negative x-amz-decoded-content-length") }
        self.variant = variant
        self.decodedLength = decodedLength
        if variant.isSigned { signer = ChunkSigner(key: key, seed: seed) }
        guard let trailer else {
            trailerName = nil
            guard !variant.hasTrailer else { throw .malformed("the header x-amz-trailer is missing") }
            return
        }
        let name = trailer.lowercased()
        guard variant.hasTrailer else { throw .malformed("\(variant.rawValue) has no trailer") }
        guard let algorithm = PayloadChecksum.Algorithm(headerName: name) else {
            throw .unsupported(String(name.prefix(64)))
        }
        trailerName = name
        checksum = PayloadChecksum(algorithm)
    }

    /// The checksum that was computed and confirmed, such as ("x-amz-checksum-crc32", "NhCmhg==");
    /// nil for a variant without trailer.
    public var confirmedChecksum: (name: String, value: String)? {
        guard state == .done, let trailerName, let trailerValue else { return nil }
        return (trailerName, trailerValue)
    }

    /// Decodes the next piece of the body; pieces may be cut anywhere.
    public mutating func decode(_ bytes: [UInt8]) throws(AWSChunkedError) -> [UInt8] {
        var output: [UInt8] = []
        output.reserveCapacity(bytes.count)
        var index = 0
        while index < bytes.count {
            switch state {
            case .data(let remaining):
                let count = Int(min(remaining, Int64(bytes.count - index)))
                let piece = bytes[index..<index + count]
                signer?.update(piece)
                checksum?.update(piece)
                output.append(contentsOf: piece)
                index += count
                state = remaining == Int64(count) ? .dataEnd : .data(remaining: remaining - Int64(count))
            case .size, .dataEnd, .trailers:
                guard try takeLine(bytes, &index) else { return output }
                let complete = line
                line.removeAll(keepingCapacity: true)
                try handle(complete)
            case .done: throw .malformed("bytes after the end")
            }
        }
        return output
    }

    /// Throws unless the body came to its end, whole and verified.
    public mutating func finish() throws(AWSChunkedError) {
        guard state == .done else { throw .malformed("it ends early") }
    }

    /// Collects a line up to CR LF into `line`, without the CR LF; false when more bytes are needed.
    private mutating func takeLine(_ bytes: [UInt8], _ index: inout Int) throws(AWSChunkedError) -> Bool {
        while index < bytes.count {
            let byte = bytes[index]
            index += 1
            if byte == UInt8(ascii: "\n"), line.last == UInt8(ascii: "\r") {
                line.removeLast()
                return true
            }
            line.append(byte)
            guard line.count <= Self.maximumLine else { throw .malformed("a line is too long") }
        }
        return false
    }

    private mutating func handle(_ complete: [UInt8]) throws(AWSChunkedError) {
        switch state {
        case .size: try openChunk(complete)
        case .dataEnd:
            guard complete.isEmpty else { throw .malformed("a chunk is longer than its size") }
            try closeChunk()
            state = .size
        case .trailers: try complete.isEmpty ? end() : addTrailer(complete)
        case .data, .done: throw .malformed("unexpected line")
        }
    }

    /// `size` or `size;chunk-signature=<64 digits>`.
    private mutating func openChunk(_ header: [UInt8]) throws(AWSChunkedError) {
        let parts = header.split(separator: UInt8(ascii: ";"), maxSplits: 1, omittingEmptySubsequences: false)
        guard let digits = parts.first, !digits.isEmpty, digits.count <= 15 else { throw .malformed("bad chunk size") }
        var size: Int64 = 0
        for digit in digits {
            guard let value = Hex.value(digit) else { throw .malformed("bad chunk size") }
            size = size << 4 | Int64(value)
        }
        if variant.isSigned {
            let prefix = "chunk-signature=".utf8
            guard parts.count == 2, parts[1].starts(with: prefix) else { throw .malformed("a chunk has no signature") }
            chunkSignature = parts[1].dropFirst(prefix.count)
        } else if parts.count != 1 {
            throw .malformed("unexpected chunk extension")
        }
        received += size
        guard received <= decodedLength else { throw .lengthMismatch }
        if size > 0 {
            state = .data(remaining: size)
        } else {
            try closeChunk()
            state = .trailers
        }
    }

    private mutating func closeChunk() throws(AWSChunkedError) {
        guard variant.isSigned else { return }
        guard signer?.closeChunk(chunkSignature) == true else { throw .signatureMismatch }
    }

    private mutating func addTrailer(_ text: [UInt8]) throws(AWSChunkedError) {
        // Some SDKs end the line with LF CR LF, as AWS's own example does.
        let text = text.last == UInt8(ascii: "\n") ? text.dropLast() : text[...]
        guard let colon = text.firstIndex(of: UInt8(ascii: ":")) else { throw .malformed("a trailer has no ':'") }
        let name = String(decoding: text[..<colon], as: UTF8.self).lowercased()
        let value = text[(colon + 1)...].drop { $0 == 0x20 }
        if name == "x-amz-trailer-signature", variant == .signedTrailer, !isTrailerSigned {
            guard signer?.closeTrailer(trailerLines, value) == true else { throw .signatureMismatch }
            isTrailerSigned = true
        } else if name == trailerName, trailerValue == nil, !isTrailerSigned {
            trailerValue = String(decoding: value, as: UTF8.self)
            trailerLines.append(contentsOf: "\(name):".utf8)
            trailerLines.append(contentsOf: value)
            trailerLines.append(UInt8(ascii: "\n"))
        } else {
            throw .malformed("unexpected trailer '\(name.prefix(64))'")
        }
        guard trailerLines.count <= Self.maximumTrailers else { throw .malformed("the trailers are too long") }
    }

    private mutating func end() throws(AWSChunkedError) {
        guard received == decodedLength else { throw .lengthMismatch }
        if let trailerName {
            guard let trailerValue else { throw .malformed("the trailer \(trailerName) is missing") }
            guard checksum?.base64 == trailerValue else { throw .checksumMismatch(trailerName) }
            guard variant != .signedTrailer || isTrailerSigned else { throw .signatureMismatch }
        }
        state = .done
    }
}
