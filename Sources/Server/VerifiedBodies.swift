import Artifacts
import Crypto
import Hummingbird
import NIOCore
import Platform
import SigV4
import Synchronization

/// A body with a declared hash. Its end throws unless it has that hash, so that nothing made of it
/// becomes visible.
struct HashedBody: AsyncSequence, Sendable {
    typealias Element = [UInt8]

    let base: Hummingbird.RequestBody
    /// Lower-case hex SHA-256.
    let declared: String

    func makeAsyncIterator() -> AsyncIterator { AsyncIterator(base: base.makeAsyncIterator(), declared: declared) }

    struct AsyncIterator: AsyncIteratorProtocol {
        var base: Hummingbird.RequestBody.AsyncIterator
        let declared: String
        var hash = SHA256()

        mutating func next() async throws -> [UInt8]? {
            guard let buffer = try await base.next() else {
                guard hash.finalize().elementsEqual(Self.bytes(declared)) else {
                    throw ObjectError(.contentSHA256Mismatch, SigV4Error.payloadMismatch.message)
                }
                return nil
            }
            buffer.withUnsafeReadableBytes { hash.update(bufferPointer: $0) }
            return Array(buffer: buffer)
        }

        private static func bytes(_ hex: String) -> [UInt8] {
            let digits = hex.compactMap(\.hexDigitValue)
            return stride(from: 0, to: digits.count - 1, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
        }
    }
}

/// A body in aws-chunked framing, decoded. Its end throws unless everything in it was right.
struct ChunkedBody: AsyncSequence, Sendable {
    typealias Element = [UInt8]

    /// What came behind the body, once it has been read.
    final class Confirmed: Sendable {
        private let stored = Mutex<[String: String]>([:])

        /// By header name.
        var checksums: [String: String] { stored.withLock { $0 } }

        fileprivate func add(_ checksum: (name: String, value: String)) { stored.withLock { $0[checksum.name] = checksum.value } }
    }

    let base: Hummingbird.RequestBody
    let decoder: AWSChunkedDecoder
    let confirmed = Confirmed()

    func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(base: base.makeAsyncIterator(), decoder: decoder, confirmed: confirmed)
    }

    struct AsyncIterator: AsyncIteratorProtocol {
        var base: Hummingbird.RequestBody.AsyncIterator
        var decoder: AWSChunkedDecoder
        let confirmed: Confirmed

        mutating func next() async throws -> [UInt8]? {
            while let buffer = try await base.next() {
                let bytes = try decoded(Array(buffer: buffer))
                if !bytes.isEmpty { return bytes }
            }
            try finish()
            return nil
        }

        private mutating func decoded(_ bytes: [UInt8]) throws -> [UInt8] {
            do { return try decoder.decode(bytes) } catch { throw error.objectError }
        }

        private mutating func finish() throws {
            do { try decoder.finish() } catch { throw error.objectError }
            if let checksum = decoder.confirmedChecksum { confirmed.add(checksum) }
        }
    }
}

extension AWSChunkedError {
    /// Under the name that S3 has for it.
    var objectError: any Error {
        switch self {
        case .malformed, .unsupported: ObjectError(.invalidRequest, message)
        case .signatureMismatch: SigV4Error.signatureMismatch.signalboxError
        case .checksumMismatch: ObjectError(.badDigest, message)
        case .lengthMismatch: ObjectError(.incompleteBody, message)
        }
    }
}
