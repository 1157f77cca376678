#if canImport(Glibc)
import Glibc
#endif

/// Writes a checked archive into an empty directory of ours. Blocking: off the cooperative pool.
///
/// Names were checked by `ZipArchive`; here every file is created anew (`O_EXCL`, `O_NOFOLLOW`) and
/// links come last, so nothing is ever written through a link, even if a rule above were wrong.
struct ZipExtractor {
    let archive: ZipArchive
    /// Absolute; exists and is empty.
    let directory: String

    func run() throws(ArchiveError) {
        var made: Set<String> = []
        var links: [ZipEntry] = []
        let inflater = try Inflater()
        for entry in archive.entries {
            switch entry.kind {
            case .directory:
                try makeDirectory(entry.path, &made)
            case .file(let isExecutable):
                if let parent = ZipPath.parent(entry.path) { try makeDirectory(parent, &made) }
                try write(entry, mode: isExecutable ? 0o755 : 0o644, inflater)
            case .link:
                links.append(entry)
            }
        }
        try makeLinks(links, inflater, &made)
    }

    private func makeDirectory(_ path: String, _ made: inout Set<String>) throws(ArchiveError) {
        if made.contains(path) { return }
        if let parent = ZipPath.parent(path) { try makeDirectory(parent, &made) }
        let absolute = directory + "/" + path
        // chmod: the umask may be tight, and the sandbox's own user must be able to read.
        guard mkdir(absolute, 0o755) == 0, chmod(absolute, 0o755) == 0 else { throw failed("create the folder", path, errno) }
        made.insert(path)
    }

    private func write(_ entry: ZipEntry, mode: mode_t, _ inflater: Inflater) throws(ArchiveError) {
        let descriptor = open(directory + "/" + entry.path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw failed("create", entry.path, errno) }
        defer { close(descriptor) }
        try inflater.unpack(entry, from: archive.file) { bytes throws(ArchiveError) in
            try writeAll(bytes, to: descriptor, named: entry.path)
        }
        let time = timespec(tv_sec: entry.modified, tv_nsec: 0)
        guard fchmod(descriptor, mode) == 0, futimens(descriptor, [time, time]) == 0 else {
            throw failed("finish", entry.path, errno)
        }
    }

    private func makeLinks(_ links: [ZipEntry], _ inflater: Inflater, _ made: inout Set<String>) throws(ArchiveError) {
        var targets: [String: String] = [:]
        for link in links {
            guard link.size <= 4095 else {
                throw ArchiveError(.unsafeLink, "The symbolic link '\(printable(link.path))' in the zip has too long a target.")
            }
            var bytes: [UInt8] = []
            try inflater.unpack(link, from: archive.file) { piece throws(ArchiveError) in bytes += piece }
            guard let target = String(validating: bytes, as: UTF8.self) else {
                throw ArchiveError(.unsafeLink, "The symbolic link '\(printable(link.path))' in the zip has a target that is not UTF-8.")
            }
            targets[link.path] = target
        }
        try ZipPath.checkLinks(targets)
        for (path, target) in targets {
            if let parent = ZipPath.parent(path) { try makeDirectory(parent, &made) }
            guard symlink(target, directory + "/" + path) == 0 else { throw failed("create the link", path, errno) }
        }
    }
}

/// Writes everything or throws; short writes and interruptions are taken up again.
func writeAll(_ bytes: UnsafeRawBufferPointer, to descriptor: CInt, named path: String) throws(ArchiveError) {
    var done = 0
    while done < bytes.count {
        let count = write(descriptor, bytes.baseAddress?.advanced(by: done), bytes.count - done)
        if count < 0 {
            if errno == EINTR { continue }
            throw failed("write", path, errno)
        }
        done += count
    }
}

private func failed(_ what: String, _ path: String, _ code: CInt) -> ArchiveError {
    ArchiveError(.inputOutput, "The server can't \(what) '\(printable(path))' of the bundle: \(systemMessage(code)).")
}
