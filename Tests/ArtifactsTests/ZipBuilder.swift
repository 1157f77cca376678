import CZlib

@testable import Artifacts

/// Writes zip files, honest and dishonest ones.
struct ZipBuilder {
    struct Entry {
        var name: [UInt8]
        var data: [UInt8] = []
        /// Unix mode with type; 0: none.
        var mode: UInt32 = 0o100644
        var method: UInt16 = 8
        var flags: UInt16 = 0
        /// What the headers say instead of the truth.
        var claimedSize: UInt32?
        var claimedChecksum: UInt32?
        var localName: [UInt8]?
        var zip64 = false

        init(_ name: String, _ data: String = "", mode: UInt32 = 0o100644) {
            self.name = Array(name.utf8)
            self.data = Array(data.utf8)
            self.mode = mode
        }

        static func directory(_ name: String) -> Entry { Entry(name, mode: 0o040755) }
        static func link(_ name: String, to target: String) -> Entry { Entry(name, target, mode: 0o120777) }

        func with(_ change: (inout Entry) -> Void) -> Entry {
            var copy = self
            change(&copy)
            return copy
        }
    }

    var entries: [Entry]
    /// Number of the entry whose offset the others claim too.
    var overlapAll = false
    var comment: [UInt8] = []
    var zip64End = false

    init(_ entries: [Entry]) { self.entries = entries }

    func build() -> [UInt8] {
        var file: [UInt8] = []
        var central: [UInt8] = []
        for entry in entries {
            let offset = overlapAll ? 0 : file.count
            let packed = entry.method == 8 ? Self.deflated(entry.data) : entry.data
            let checksum = entry.claimedChecksum ?? UInt32(crc32(0, entry.data, uInt(entry.data.count)))
            let size = entry.claimedSize ?? UInt32(entry.data.count)
            let local = entry.localName ?? entry.name
            file += u32(0x0403_4b50) + u16(20) + u16(entry.flags) + u16(entry.method) + u16(0) + u16(0x5a21)
            file += u32(checksum) + u32(UInt32(packed.count)) + u32(size) + u16(UInt16(local.count)) + u16(0) + local + packed
            let extra: [UInt8] =
                entry.zip64 ? u16(1) + u16(24) + u64(UInt64(size)) + u64(UInt64(packed.count)) + u64(UInt64(offset)) : []
            let all = UInt32.max
            central += u32(0x0201_4b50) + u16(0x0314) + u16(20) + u16(entry.flags) + u16(entry.method) + u16(0) + u16(0x5a21)
            central += u32(checksum) + u32(entry.zip64 ? all : UInt32(packed.count)) + u32(entry.zip64 ? all : size)
            central += u16(UInt16(entry.name.count)) + u16(UInt16(extra.count)) + u16(0) + u16(0) + u16(0)
            central += u32(entry.mode << 16) + u32(entry.zip64 ? all : UInt32(offset)) + entry.name + extra
        }
        let start = file.count
        file += central
        if zip64End {
            let record = file.count
            file += u32(0x0606_4b50) + u64(44) + u16(45) + u16(45) + u32(0) + u32(0)
            file += u64(UInt64(entries.count)) + u64(UInt64(entries.count)) + u64(UInt64(central.count)) + u64(UInt64(start))
            file += u32(0x0706_4b50) + u32(0) + u64(UInt64(record)) + u32(1)
        }
        let count: UInt16 = zip64End ? .max : UInt16(entries.count)
        file += u32(0x0605_4b50) + u16(0) + u16(0) + u16(count) + u16(count)
        file += u32(zip64End ? .max : UInt32(central.count)) + u32(zip64End ? .max : UInt32(start))
        return file + u16(UInt16(comment.count)) + comment
    }

    static func deflated(_ data: [UInt8]) -> [UInt8] {
        var stream = z_stream()
        deflateInit2_(&stream, 9, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION, CInt(MemoryLayout<z_stream>.size))
        var output = [UInt8](repeating: 0, count: Int(deflateBound(&stream, uLong(data.count))) + 16)
        var input = data
        let produced = input.withUnsafeMutableBufferPointer { input in
            output.withUnsafeMutableBufferPointer { output in
                stream.next_in = input.baseAddress
                stream.avail_in = uInt(input.count)
                stream.next_out = output.baseAddress
                stream.avail_out = uInt(output.count)
                deflate(&stream, Z_FINISH)
                return output.count - Int(stream.avail_out)
            }
        }
        deflateEnd(&stream)
        return Array(output.prefix(produced))
    }

    private func u16(_ value: UInt16) -> [UInt8] { [UInt8(value & 255), UInt8(value >> 8)] }
    private func u32(_ value: UInt32) -> [UInt8] { u16(UInt16(value & 0xffff)) + u16(UInt16(value >> 16)) }
    private func u64(_ value: UInt64) -> [UInt8] { u32(UInt32(value & 0xffff_ffff)) + u32(UInt32(value >> 32)) }
}
