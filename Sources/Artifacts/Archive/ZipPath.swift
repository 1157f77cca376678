/// Rules for names inside an archive: what would leave the bundle's directory, or would not mean
/// the same to every reader, is refused rather than repaired.
enum ZipPath {
    /// Longest component a Linux file system takes.
    private static let componentBytes = 255
    private static let pathBytes = 1024
    private static let depth = 64

    /// The safe relative path for a raw name; nil for the archive's own root (`./`).
    static func safe(_ raw: ArraySlice<UInt8>) throws(ArchiveError) -> String? {
        guard let name = String(validating: raw, as: UTF8.self) else {
            throw ArchiveError(
                .unsafePath,
                "The zip has an entry whose name is not UTF-8 (\(printable(String(decoding: raw, as: UTF8.self)))). Pack it again with UTF-8 names."
            )
        }
        let shown = printable(name)
        guard !raw.isEmpty else { throw ArchiveError(.unsafePath, "The zip has an entry without a name.") }
        guard raw.allSatisfy({ $0 >= 0x20 && $0 != 0x7f }) else {
            throw ArchiveError(.unsafePath, "The zip entry '\(shown)' has a control character in its name. Rename the file.")
        }
        guard !raw.contains(UInt8(ascii: "\\")) else {
            throw ArchiveError(
                .unsafePath, "The zip entry '\(shown)' has a backslash in its name. Pack the folder with '/' between names.")
        }
        guard raw.first != UInt8(ascii: "/") else {
            throw ArchiveError(
                .unsafePath, "The zip entry '\(shown)' is an absolute path. Pack the folder with names relative to its root.")
        }
        guard raw.count <= pathBytes else {
            throw ArchiveError(.unsafePath, "The zip entry '\(shown)' has a path of more than \(pathBytes) bytes.")
        }
        var parts = name.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        if parts.last?.isEmpty == true { parts.removeLast() }
        var components: [Substring] = []
        for part in parts.map(Substring.init) {
            guard !part.isEmpty else {
                throw ArchiveError(.unsafePath, "The zip entry '\(shown)' has an empty name between two slashes.")
            }
            guard part != ".." else {
                throw ArchiveError(.unsafePath, "The zip entry '\(shown)' leads out of the bundle with '..'.")
            }
            guard part.utf8.count <= componentBytes else {
                throw ArchiveError(.unsafePath, "The zip entry '\(shown)' has a name of more than \(componentBytes) bytes.")
            }
            if part != "." { components.append(part) }
        }
        guard components.count <= depth else {
            throw ArchiveError(.unsafePath, "The zip entry '\(shown)' is more than \(depth) folders deep.")
        }
        return components.isEmpty ? nil : components.joined(separator: "/")
    }

    /// `a/b` for `a/b/c`; nil at the root.
    static func parent(_ path: String) -> String? {
        guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return nil }
        return String(path[..<slash])
    }

    /// Refuses names that can't stand beside each other: twice the same, or one under a file or link.
    static func checkTree(_ entries: [ZipEntry]) throws(ArchiveError) {
        var kinds: [String: ZipEntry.Kind] = [:]
        kinds.reserveCapacity(entries.count)
        for entry in entries {
            guard kinds.updateValue(entry.kind, forKey: entry.path) == nil else {
                throw ArchiveError(.duplicate, "The zip has the entry '\(printable(entry.path))' twice. Pack the folder again.")
            }
        }
        var checked: Set<String> = []
        for entry in entries {
            var parent = parent(entry.path)
            while let path = parent, checked.insert(path).inserted {
                switch kinds[path] {
                case nil, .directory: break
                case .file:
                    throw ArchiveError(
                        .duplicate,
                        "The zip has '\(printable(path))' as a file and also files under it ('\(printable(entry.path))').")
                case .link:
                    throw ArchiveError(
                        .unsafeLink,
                        "The zip entry '\(printable(entry.path))' lies under '\(printable(path))', which is a symbolic link.")
                }
                parent = ZipPath.parent(path)
            }
        }
    }

    /// Follows every link through the archive's own tree, as the kernel would, and refuses one that
    /// is absolute, climbs above the root at any step, or goes in circles.
    static func checkLinks(_ targets: [String: String]) throws(ArchiveError) {
        for (path, target) in targets {
            var hops = 0
            var resolved = path.split(separator: "/").dropLast().map(String.init)
            var pending = try components(of: target, link: path)
            while let component = pending.popLast() {
                if component == ".." {
                    guard resolved.popLast() != nil else {
                        throw ArchiveError(
                            .unsafeLink,
                            "The symbolic link '\(printable(path))' in the zip points outside the bundle ('\(printable(target))').")
                    }
                    continue
                }
                resolved.append(component)
                guard let next = targets[resolved.joined(separator: "/")] else { continue }
                hops += 1
                guard hops <= 40 else {
                    throw ArchiveError(.unsafeLink, "The symbolic link '\(printable(path))' in the zip goes in circles.")
                }
                resolved.removeLast()
                pending += try components(of: next, link: path)
            }
        }
    }

    /// Last component first, so that the next one to follow is at the end.
    private static func components(of target: String, link: String) throws(ArchiveError) -> [String] {
        guard !target.isEmpty, !target.utf8.contains(0) else {
            throw ArchiveError(.unsafeLink, "The symbolic link '\(printable(link))' in the zip has no usable target.")
        }
        guard target.utf8.first != UInt8(ascii: "/") else {
            throw ArchiveError(
                .unsafeLink,
                "The symbolic link '\(printable(link))' in the zip points to the absolute path '\(printable(target))'. Only relative links inside the bundle are allowed."
            )
        }
        return target.split(separator: "/").filter { $0 != "." }.reversed().map(String.init)
    }
}
