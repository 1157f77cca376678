/// The members of a zip file, read from its central directory and found harmless before a byte is
/// unpacked. Format: PKWARE APPNOTE 6.3.10, sections 4.3 and 4.4.
struct ZipArchive {
    let file: FileReader
    let limits: ArchiveLimits
    /// In the order of their data.
    let entries: [ZipEntry]

    /// A central directory of 100,000 entries with long names has about 20 MB.
    private static let largestDirectory: Int64 = 64 * 1_048_576

    init(file: FileReader, limits: ArchiveLimits) throws(ArchiveError) {
        self.file = file
        self.limits = limits
        guard file.size <= limits.archiveBytes else {
            throw ArchiveError(
                .tooLarge,
                "The zip has \(megabytes(file.size)); at most \(megabytes(limits.archiveBytes)) are allowed. Leave out what the agent does not need."
            )
        }
        let directory = try ZipDirectory(of: file)
        guard directory.entries <= Int64(limits.entries) else {
            throw ArchiveError(
                .tooManyEntries, "The zip has \(directory.entries) entries; at most \(limits.entries) are allowed.")
        }
        guard directory.size <= Self.largestDirectory else {
            throw ArchiveError(.tooLarge, "The zip's directory has \(megabytes(directory.size)); that is no ordinary archive.")
        }
        let bytes = LittleEndian(bytes: try file.bytes(Int(directory.size), at: directory.offset))
        var headers: [CentralHeader] = []
        headers.reserveCapacity(Int(directory.entries))
        var position = 0
        while position < bytes.bytes.count {
            guard headers.count < limits.entries else {
                throw ArchiveError(.tooManyEntries, "The zip has more than \(limits.entries) entries.")
            }
            headers.append(try CentralHeader(bytes, at: &position))
        }
        guard Int64(headers.count) == directory.entries else {
            throw ArchiveError(.damaged, "The zip file is damaged: its directory has another number of entries than announced.")
        }
        var entries: [ZipEntry] = []
        entries.reserveCapacity(headers.count)
        var end: Int64 = 0
        for header in headers.sorted(by: { $0.offset < $1.offset }) {
            guard header.offset >= end else {
                throw ArchiveError(
                    .overlapping, "The zip has entries that overlap ('\(printable(header.shownName))'): it is damaged or a zip bomb.")
            }
            let (entry, next) = try header.resolve(in: file, before: directory.offset)
            end = next
            if let entry { entries.append(entry) }
        }
        self.entries = entries
        try ZipPath.checkTree(entries)
        try checkSizes()
    }

    private func checkSizes() throws(ArchiveError) {
        var total: Int64 = 0
        for entry in entries {
            guard entry.size <= limits.unpackedBytes, total + entry.size <= limits.unpackedBytes else {
                throw ArchiveError(
                    .tooLarge,
                    "Unpacked, the zip has more than \(megabytes(limits.unpackedBytes)). Leave out what the agent does not need.")
            }
            total += entry.size
        }
        guard total <= limits.ratioFloorBytes || total / max(file.size, 1) <= limits.ratio else {
            throw ArchiveError(
                .tooLarge,
                "The zip unpacks to \(total / max(file.size, 1)) times its size; more than \(limits.ratio) times is taken for a zip bomb.")
        }
    }
}

/// `12.5 MB`, in units of 1,048,576 bytes.
func megabytes(_ bytes: Int64) -> String {
    let tenths = (bytes * 10 + 524_288) / 1_048_576
    return tenths % 10 == 0 ? "\(tenths / 10) MB" : "\(tenths / 10).\(tenths % 10) MB"
}
