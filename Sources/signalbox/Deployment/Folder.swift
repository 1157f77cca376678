import Client

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// A folder's files as entries of an archive.
struct Folder: Sendable {
    /// Absolute, symbolic links resolved.
    let path: String
    private let rules: IgnoreRules

    /// Throws when there is no such folder.
    init(_ path: String) throws {
        guard let resolved = realpath(path, nil) else { throw CommandError("no such folder: \(path)") }
        defer { free(resolved) }
        self.path = String(cString: resolved)
        var isDirectory = false
        guard FileManager.default.fileExists(atPath: self.path, isDirectory: &isDirectory), isDirectory else {
            throw CommandError("\(path) is not a folder")
        }
        let ignore = FileManager.default.contents(atPath: self.path + "/" + IgnoreRules.fileName)
        rules = IgnoreRules(String(decoding: ignore ?? Data(), as: UTF8.self))
    }

    /// Whether the folder itself holds this file.
    func contains(_ name: String) -> Bool { FileManager.default.fileExists(atPath: path + "/" + name) }

    /// All files below that no rule excludes. A link to a file inside counts as that file; any other
    /// link is an error, since what it points at would not be in the sandbox.
    func entries() throws -> [ZipWriter.Entry] {
        var entries: [ZipWriter.Entry] = []
        try collect("", into: &entries)
        return entries
    }

    private func collect(_ directory: String, into entries: inout [ZipWriter.Entry]) throws {
        for name in try FileManager.default.contentsOfDirectory(atPath: path + "/" + directory) {
            let relative = directory + name
            let absolute = path + "/" + relative
            var status = stat()
            guard lstat(absolute, &status) == 0 else { throw CommandError("can't read \(absolute)") }
            let isLink = status.st_mode & S_IFMT == S_IFLNK
            guard !rules.ignores(relative, isDirectory: status.st_mode & S_IFMT == S_IFDIR) else { continue }
            if isLink { try follow(relative, &status) }
            switch status.st_mode & S_IFMT {
            case S_IFDIR:
                try collect(relative + "/", into: &entries)
            case S_IFREG:
                entries.append(
                    ZipWriter.Entry(name: relative, isExecutable: status.st_mode & S_IXUSR != 0) {
                        guard let data = FileManager.default.contents(atPath: absolute) else {
                            throw CommandError("can't read \(absolute)")
                        }
                        return Array(data)
                    })
            default:
                throw CommandError("\(relative) is neither a file nor a folder; leave it out by \(IgnoreRules.fileName)")
            }
        }
    }

    private func follow(_ relative: String, _ status: inout stat) throws {
        let resolved = realpath(path + "/" + relative, nil)
        defer { free(resolved) }
        guard let resolved, String(cString: resolved).hasPrefix(path + "/"), stat(resolved, &status) == 0,
            status.st_mode & S_IFMT == S_IFREG
        else {
            throw CommandError(
                "\(relative) is a link that leads to no file of this folder; leave it out by \(IgnoreRules.fileName)")
        }
    }
}

/// Makes a folder for the owner alone.
func createFolder(_ path: String) throws {
    try FileManager.default.createDirectory(
        atPath: path, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
}
