#if canImport(Glibc)
import Glibc
#else
import Musl
#endif

extension System {
    /// Removes a directory with all that is in it, never following a symbolic link and however deep it is:
    /// what stood there belonged to an agent. Returns false when something is left.
    @discardableResult
    static func removeTree(_ path: String) -> Bool {
        if unlink(path) == 0 || errno == ENOENT { return true }
        if rmdir(path) == 0 { return true }
        let top = Glibc.open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard top >= 0 else { return errno == ENOENT }
        defer { close(top) }
        // Instead of going down, directories are moved up to the top: no stack and two descriptors at any depth.
        var moved = 0
        while true {
            let names = names(of: top)
            if names.isEmpty { break }
            for name in names where !empty(name, under: top, moved: &moved) { return false }
        }
        return rmdir(path) == 0 || errno == ENOENT
    }

    private static func empty(_ name: String, under top: CInt, moved: inout Int) -> Bool {
        if removeEntry(name, in: top) { return true }
        guard let handle = openDirectory(name, in: top) else { return errno == ENOENT }
        defer { close(handle) }
        for child in names(of: handle) where !removeEntry(child, in: handle) {
            // Moving a directory writes its `..`: it must be writable for its owner.
            _ = fchmodat(handle, child, 0o700, 0)
            var done = false
            for _ in 0..<1000 where !done {
                moved += 1
                done = renameat(handle, child, top, ".signalbox-\(moved)") == 0
                if !done, errno != EEXIST, errno != ENOTEMPTY, errno != ENOTDIR { return false }
            }
            if !done { return false }
        }
        return unlinkat(top, name, AT_REMOVEDIR) == 0
    }

    /// A file, link or empty directory.
    private static func removeEntry(_ name: String, in parent: CInt) -> Bool {
        unlinkat(parent, name, 0) == 0 || errno == ENOENT || unlinkat(parent, name, AT_REMOVEDIR) == 0
    }

    private static func openDirectory(_ name: String, in parent: CInt) -> CInt? {
        let flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC
        var handle = openat(parent, name, flags)
        if handle < 0, errno == EACCES, fchmodat(parent, name, 0o700, 0) == 0 { handle = openat(parent, name, flags) }
        guard handle >= 0 else { return nil }
        // One that its owner made read-only, when we are that owner.
        _ = fchmod(handle, 0o700)
        return handle
    }

    private static func names(of handle: CInt) -> [String] {
        // A description of its own, so that reading starts at the beginning each time.
        let copy = openat(handle, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard copy >= 0 else { return [] }
        guard let directory = fdopendir(copy) else {
            close(copy)
            return []
        }
        defer { closedir(directory) }
        return names(from: directory)
    }
}
