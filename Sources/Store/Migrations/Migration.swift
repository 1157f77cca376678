/// One numbered step of the schema, as `schema/migrations/<number>-<name>/up.sql` has it.
struct Migration: Sendable {
    /// From 1, without gaps.
    var number: Int
    var name: String
    /// SHA-256 of the file, lower-case hex.
    var checksum: String
    /// The file's text.
    var text: String

    var checksumBytes: [UInt8] {
        var bytes: [UInt8] = []
        var rest = checksum.utf8[...]
        while rest.count >= 2, let byte = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16) {
            bytes.append(byte)
            rest = rest.dropFirst(2)
        }
        return bytes
    }
}
