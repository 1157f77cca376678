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

/// A folder with a Dockerfile: what an image is built from.
struct BuildContext: Sendable {
    /// Absolute, symbolic links resolved.
    let path: String
    /// The Dockerfile's path in the folder.
    let dockerfile: String
    private let ignore: DockerIgnore

    /// Throws ``CommandError`` when there is no such folder, or no such file in it.
    init(_ folder: Folder, dockerfile: String) throws {
        path = folder.path
        var name = dockerfile
        if name.hasPrefix(path + "/") { name = String(name.dropFirst(path.count + 1)) }
        while name.hasPrefix("./") { name = String(name.dropFirst(2)) }
        self.dockerfile = name
        ignore = try DockerIgnore(try Self.text(DockerIgnore.fileName, in: path) ?? "")
        guard try Self.text(name, in: path) != nil else {
            throw CommandError("\(path) has no file \(dockerfile); the Dockerfile has to be in the folder")
        }
    }

    /// The name of the folder's Dockerfile, if it has one.
    static func dockerfile(of folder: Folder) -> String? { Dockerfile.names.first { folder.contains($0) } }

    /// What the Dockerfile says.
    func contents() throws -> Dockerfile { Dockerfile(try Self.text(dockerfile, in: path) ?? "") }

    /// A text file of the folder; nil when it isn't there or leads out of it.
    private static func text(_ name: String, in path: String) throws -> String? {
        guard let resolved = realpath(path + "/" + name, nil) else { return nil }
        defer { free(resolved) }
        let file = String(cString: resolved)
        guard file.hasPrefix(path + "/") else { throw CommandError("\(name) leads out of \(path)") }
        guard let data = FileManager.default.contents(atPath: file) else { throw CommandError("can't read \(file)") }
        return String(decoding: data, as: UTF8.self)
    }

    /// All that goes to the engine, by name. Links stay links: nothing outside is followed.
    func entries() throws -> [TarEntry] {
        var entries: [TarEntry] = []
        try collect("", into: &entries)
        return entries
    }

    /// - Returns: whether anything of the folder goes to the engine.
    @discardableResult
    private func collect(_ directory: String, into entries: inout [TarEntry]) throws -> Bool {
        let before = entries.count
        // By bytes, so that no locale plays a part.
        let names = try FileManager.default.contentsOfDirectory(atPath: path + "/" + directory)
            .sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        for name in names {
            let relative = directory + name
            var status = stat()
            guard lstat(path + "/" + relative, &status) == 0 else { throw CommandError("can't read \(path)/\(relative)") }
            let isIgnored = ignore.ignores(relative) && !isForTheEngine(relative)
            let mode = UInt32(status.st_mode) & 0o7777
            if status.st_mode & S_IFMT == S_IFDIR {
                guard !isIgnored || ignore.mayTakeBack(below: relative) || dockerfile.hasPrefix(relative + "/") else { continue }
                let place = entries.count
                let hasContents = try collect(relative + "/", into: &entries)
                if !isIgnored || hasContents { entries.insert(TarEntry(name: relative, kind: .directory, mode: mode), at: place) }
                continue
            }
            guard !isIgnored else { continue }
            switch status.st_mode & S_IFMT {
            case S_IFREG: entries.append(TarEntry(name: relative, kind: .file(size: Int64(status.st_size)), mode: mode))
            case S_IFLNK: entries.append(TarEntry(name: relative, kind: .link(target: try target(of: relative)), mode: 0o777))
            default:
                throw CommandError("\(relative) is neither a file, a folder nor a link; leave it out by \(DockerIgnore.fileName)")
            }
        }
        return entries.count > before
    }

    /// What it needs even if it shall not be copied: it leaves them out itself.
    private func isForTheEngine(_ name: String) -> Bool { name == dockerfile || name == DockerIgnore.fileName }

    private func target(of link: String) throws -> String {
        do {
            return try FileManager.default.destinationOfSymbolicLink(atPath: path + "/" + link)
        } catch {
            throw CommandError("can't read the link \(path)/\(link)")
        }
    }
}
