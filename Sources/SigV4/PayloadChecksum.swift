import Crypto

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// A checksum that S3 clients send with a body, in the header or trailer `x-amz-checksum-<name>`.
public struct PayloadChecksum: Sendable {
    public enum Algorithm: String, Sendable, CaseIterable {
        case crc32, crc32c, crc64nvme, sha1, sha256

        /// Lower-case name of its header or trailer.
        public var headerName: String { "x-amz-checksum-\(rawValue)" }

        /// The algorithm of a header name in lower case; nil for a name that is none or that is not
        /// supported (md5, sha512, xxhash).
        public init?(headerName: String) {
            guard headerName.hasPrefix("x-amz-checksum-") else { return nil }
            self.init(rawValue: String(headerName.dropFirst("x-amz-checksum-".count)))
        }
    }

    public let algorithm: Algorithm
    private var state: State

    private enum State: Sendable {
        case crc32(CRC<UInt32>)
        case crc64(CRC<UInt64>)
        case sha1(Insecure.SHA1)
        case sha256(SHA256)
    }

    public init(_ algorithm: Algorithm) {
        self.algorithm = algorithm
        state =
            switch algorithm {
            case .crc32: .crc32(CRC(table: .crc32))
            case .crc32c: .crc32(CRC(table: .crc32c))
            case .crc64nvme: .crc64(CRC(table: .crc64nvme))
            case .sha1: .sha1(Insecure.SHA1())
            case .sha256: .sha256(SHA256())
            }
    }

    public mutating func update(_ bytes: some Collection<UInt8>) {
        let done: Void? = bytes.withContiguousStorageIfAvailable { update(buffer: UnsafeRawBufferPointer($0)) }
        if done == nil { Array(bytes).withUnsafeBytes { update(buffer: $0) } }
    }

    private mutating func update(buffer: UnsafeRawBufferPointer) {
        switch state {
        case .crc32(var crc):
            crc.update(buffer)
            state = .crc32(crc)
        case .crc64(var crc):
            crc.update(buffer)
            state = .crc64(crc)
        case .sha1(var hash):
            hash.update(bufferPointer: buffer)
            state = .sha1(hash)
        case .sha256(var hash):
            hash.update(bufferPointer: buffer)
            state = .sha256(hash)
        }
    }

    /// The value so far, in base64 as its header has it.
    public var base64: String {
        let bytes: [UInt8] =
            switch state {
            case .crc32(let crc): Self.bigEndian(crc.value)
            case .crc64(let crc): Self.bigEndian(crc.value)
            case .sha1(let hash): Array(hash.finalize())
            case .sha256(let hash): Array(hash.finalize())
            }
        return Data(bytes).base64EncodedString()
    }

    private static func bigEndian(_ value: some FixedWidthInteger) -> [UInt8] {
        withUnsafeBytes(of: value.bigEndian) { Array($0) }
    }
}
