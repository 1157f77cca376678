#if canImport(Glibc)
import Glibc
#endif

/// Adds compiled Python modules to an unpacked bundle, where the interpreter looks for them:
/// `pkg/__pycache__/mod.cpython-311.pyc` beside `pkg/mod.py`.
///
/// The archive comes out of a sandbox, so it is as hostile as any upload: it is read by the same
/// rules, only such names pass, and nothing is written through a link. Blocking.
struct BytecodeInstaller {
    let bundle: String
    let workspace: BundleWorkspace

    /// Compiled modules are about as large as their sources.
    private static let limits: ArchiveLimits = {
        var limits = ArchiveLimits()
        limits.archiveBytes = limits.unpackedBytes
        return limits
    }()

    /// Number of modules added. Each appears whole, so running sandboxes are not disturbed.
    func install() throws(ArchiveError) -> Int {
        let zip = try ZipArchive(file: FileReader(path: workspace.archive), limits: Self.limits)
        for entry in zip.entries where !Self.isModule(entry) {
            throw ArchiveError(.unsafePath, "'\(printable(entry.path))' is not the name of a compiled module.")
        }
        guard mkdir(workspace.tree, 0o755) == 0 else { throw failed("make a directory for compiled modules", errno) }
        try ZipExtractor(archive: zip, directory: workspace.tree).run()
        var checked: Set<String> = []
        for entry in zip.entries {
            guard let folder = ZipPath.parent(entry.path) else { continue }
            if checked.insert(folder).inserted { try makeFolder(folder) }
            guard rename(workspace.tree + "/" + entry.path, bundle + "/" + entry.path) == 0 else {
                throw failed("put '\(printable(entry.path))' in its place", errno)
            }
        }
        return zip.entries.count
    }

    static func isModule(_ entry: ZipEntry) -> Bool {
        let components = entry.path.split(separator: "/")
        guard entry.kind == .file(isExecutable: false), components.count >= 2 else { return false }
        return components[components.count - 2] == "__pycache__" && entry.path.hasSuffix(".pyc")
    }

    /// Every folder above must be one of the bundle's own; only `__pycache__` may be new.
    private func makeFolder(_ folder: String) throws(ArchiveError) {
        var path = bundle
        for component in folder.split(separator: "/").dropLast() {
            path += "/" + component
            try checkFolder(path)
        }
        path += "/__pycache__"
        if mkdir(path, 0o755) == 0 { _ = chmod(path, 0o755) }
        try checkFolder(path)
    }

    private func checkFolder(_ path: String) throws(ArchiveError) {
        var status = stat()
        guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
            throw ArchiveError(.unsafeLink, "'\(printable(path))' is not a folder of the bundle.")
        }
    }

    private func failed(_ what: String, _ code: CInt) -> ArchiveError {
        ArchiveError(.inputOutput, "The server can't \(what): \(systemMessage(code)).")
    }
}
