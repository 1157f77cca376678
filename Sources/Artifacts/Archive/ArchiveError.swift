/// An archive that is refused. `message` is a whole sentence that its owner can act on; it ends up
/// in a version's `failureReason`.
public struct ArchiveError: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Reason: String, Sendable, CaseIterable {
        case notAnArchive, damaged, encrypted, unsupported, unsafePath, duplicate, unsafeLink, specialFile, tooLarge,
            tooManyEntries, overlapping, inputOutput
    }

    public var reason: Reason
    public var message: String

    public init(_ reason: Reason, _ message: String) {
        self.reason = reason
        self.message = message
    }

    public var description: String { message }
}

/// What an archive may be at most. Defaults: contract §12 and §13 (250 MB zipped, 750 MB unpacked).
public struct ArchiveLimits: Sendable, Equatable {
    /// Bytes of the zip file.
    public var archiveBytes: Int64 = 250 * 1_048_576
    /// Bytes of all files together once unpacked, counted while inflating.
    public var unpackedBytes: Int64 = 750 * 1_048_576
    /// Files, directories and links together.
    public var entries = 100_000
    /// Unpacked bytes per zipped byte, looked at once `ratioFloorBytes` are unpacked. Source code
    /// packs about 4:1, sparse data files seldom above 100:1; a bomb reaches 1,000:1.
    public var ratio: Int64 = 200
    /// Below this many unpacked bytes the ratio does not matter.
    public var ratioFloorBytes: Int64 = 64 * 1_048_576

    public init() {}
}

/// `text` as it may stand in a message or a log: control characters escaped, bounded.
func printable(_ text: some StringProtocol, limit: Int = 120) -> String {
    var result = ""
    for scalar in text.unicodeScalars.prefix(limit) {
        if scalar.value < 0x20 || scalar.value == 0x7f {
            result += "\\u{\(String(scalar.value, radix: 16))}"
        } else {
            result.unicodeScalars.append(scalar)
        }
    }
    return text.unicodeScalars.count > limit ? result + "…" : result
}
