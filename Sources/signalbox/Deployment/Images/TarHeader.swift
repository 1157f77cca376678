/// One member of a tar archive.
struct TarEntry: Sendable, Equatable {
    enum Kind: Sendable, Equatable {
        case directory
        /// Bytes that follow the header.
        case file(size: Int64)
        case link(target: String)
    }

    /// Relative, `/` between components.
    var name: String
    var kind: Kind
    /// Permissions, the lower twelve bits.
    var mode: UInt32

    /// Whether it is a link to a place above the archive's root.
    var leadsOut: Bool {
        guard case .link(let target) = kind, !target.hasPrefix("/") else { return false }
        var depth = name.split(separator: "/").count - 1
        for part in target.split(separator: "/") where part != "." {
            depth += part == ".." ? -1 : 1
            if depth < 0 { return true }
        }
        return false
    }

    /// What a file's bytes are filled up to.
    static let blockSize = 512
    /// The end of an archive.
    static let end = [UInt8](repeating: 0, count: 2 * blockSize)
}

/// Headers as POSIX.1-2001 has them (pax(1)): ustar, with an extended header before it where ustar has no room. They
/// are the same whoever packs and whenever: root owns everything, and all has one time.
extension TarEntry {
    /// 2 January 1980: programs of a build may pack the files into zip archives, which know no earlier year.
    private static let time: Int64 = 315_619_200
    /// The largest size that eleven octal digits hold.
    private static let largestUstarSize: Int64 = 0o777_7777_7777

    /// One header, or an extended one with its contents and the header that it extends.
    var header: [UInt8] {
        var records: [UInt8] = []
        if name.utf8.count > 100 || !name.utf8.allSatisfy({ $0 < 0x80 }) { records += Self.record("path", wireName) }
        if case .link(let target) = kind, target.utf8.count > 100 || !target.utf8.allSatisfy({ $0 < 0x80 }) {
            records += Self.record("linkpath", target)
        }
        if case .file(let size) = kind, size > Self.largestUstarSize { records += Self.record("size", "\(size)") }
        guard !records.isEmpty else { return ustar }
        let extended = Self.block(name: "PaxHeaders/entry", type: "x", size: Int64(records.count), mode: 0o644, link: "")
        return extended + Self.padded(records) + ustar
    }

    /// Zeros that fill a file's last block.
    static func padding(after size: Int64) -> [UInt8] {
        let rest = Int(size % Int64(blockSize))
        return [UInt8](repeating: 0, count: rest == 0 ? 0 : blockSize - rest)
    }

    private var wireName: String { kind == .directory ? name + "/" : name }

    private var ustar: [UInt8] {
        switch kind {
        case .directory: Self.block(name: wireName, type: "5", size: 0, mode: mode, link: "")
        case .file(let size): Self.block(name: name, type: "0", size: min(size, Self.largestUstarSize), mode: mode, link: "")
        case .link(let target): Self.block(name: name, type: "2", size: 0, mode: 0o777, link: target)
        }
    }

    private static func padded(_ bytes: [UInt8]) -> [UInt8] { bytes + padding(after: Int64(bytes.count)) }

    /// `LENGTH key=value\n`, where the length counts itself.
    private static func record(_ key: String, _ value: String) -> [UInt8] {
        let rest = " \(key)=\(value)\n"
        var length = rest.utf8.count
        while "\(length)".utf8.count + rest.utf8.count != length { length = "\(length)".utf8.count + rest.utf8.count }
        return Array("\(length)\(rest)".utf8)
    }

    private static func block(name: String, type: Character, size: Int64, mode: UInt32, link: String) -> [UInt8] {
        var block: [UInt8] = []
        block.reserveCapacity(blockSize)
        func field(_ text: String, _ width: Int) {
            let bytes = text.utf8.prefix(width)
            block += bytes
            block += repeatElement(0, count: width - bytes.count)
        }
        func octal(_ value: Int64, _ width: Int) {
            let digits = String(value, radix: 8)
            field(String(repeating: "0", count: max(0, width - 1 - digits.count)) + digits, width)
        }
        field(name, 100)
        octal(Int64(mode & 0o7777), 8)
        octal(0, 8)
        octal(0, 8)
        octal(size, 12)
        octal(time, 12)
        // The checksum is counted with blanks in its own place.
        field("        ", 8)
        field(String(type), 1)
        field(link, 100)
        field("ustar", 6)
        field("00", 2)
        // Owner's and group's names, device numbers, prefix: none.
        block += repeatElement(0, count: blockSize - block.count)
        let sum = block.reduce(0) { $0 + Int64($1) }
        let checksum = String(sum, radix: 8)
        let digits = Array((String(repeating: "0", count: 6 - checksum.utf8.count) + checksum).utf8) + [0, UInt8(ascii: " ")]
        block.replaceSubrange(148..<156, with: digits)
        return block
    }
}
