import CZlib
import Crypto

/// Checksums that S3 clients send beside a body (`x-amz-checksum-*`), in the order of S3's preference.
public enum ObjectChecksum: String, Sendable, CaseIterable {
    case crc64nvme, crc32c, crc32, sha256, sha1

    public var headerName: String { "x-amz-checksum-\(rawValue)" }

    /// Bytes of the checksum, big-endian where it is a number.
    public var length: Int {
        switch self {
        case .crc32, .crc32c: 4
        case .crc64nvme: 8
        case .sha1: 20
        case .sha256: 32
        }
    }
}

/// One such checksum as the bytes pass.
struct RunningChecksum: Sendable {
    let algorithm: ObjectChecksum
    private var register: UInt64
    private var sha1 = Insecure.SHA1()
    private var sha256 = SHA256()

    init(_ algorithm: ObjectChecksum) {
        self.algorithm = algorithm
        register = algorithm == .crc32 ? 0 : .max
    }

    mutating func update(_ bytes: [UInt8]) {
        switch algorithm {
        case .crc32: register = UInt64(CZlib.crc32(uLong(register), bytes, uInt(bytes.count)))
        case .crc32c: register = Self.reflected(bytes, register & 0xffff_ffff, Self.castagnoli)
        case .crc64nvme: register = Self.reflected(bytes, register, Self.nvme)
        case .sha1: sha1.update(data: bytes)
        case .sha256: sha256.update(data: bytes)
        }
    }

    func finalized() -> [UInt8] {
        switch algorithm {
        case .crc32: bigEndian(register, bytes: 4)
        case .crc32c: bigEndian(register ^ 0xffff_ffff, bytes: 4)
        case .crc64nvme: bigEndian(~register, bytes: 8)
        case .sha1: Array(sha1.finalize())
        case .sha256: Array(sha256.finalize())
        }
    }

    private func bigEndian(_ value: UInt64, bytes count: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * (count - 1 - $0))) }
    }

    private static func reflected(_ bytes: [UInt8], _ start: UInt64, _ table: [UInt64]) -> UInt64 {
        table.withUnsafeBufferPointer { table in
            bytes.reduce(start) { ($0 >> 8) ^ table[Int(($0 ^ UInt64($1)) & 0xff)] }
        }
    }

    /// Polynomials bit-reversed: CRC-32C (RFC 3720) and CRC-64/NVME (NVM Express 1.0, §6.2).
    private static let castagnoli = table(0x82f6_3b78)
    private static let nvme = table(0x9a6c_9329_ac4b_c9b5)

    private static func table(_ polynomial: UInt64) -> [UInt64] {
        (0..<256).map { index in
            (0..<8).reduce(UInt64(index)) { value, _ in value & 1 == 1 ? (value >> 1) ^ polynomial : value >> 1 }
        }
    }
}
