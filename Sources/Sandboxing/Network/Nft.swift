import CLinux

#if canImport(Glibc)
import Glibc
#else
import Musl
#endif

/// The program of nftables, run without a shell.
struct Nft: Sendable {
    let program: String

    /// `nil`: not installed.
    init?(program: String = "nft") {
        // Not in every user's PATH, root's included.
        let places = [program, "/usr/sbin/" + program, "/sbin/" + program]
        guard let found = places.lazy.compactMap({ System.program($0) }).first else { return nil }
        self.program = found
    }

    /// All of `rules` or nothing. Blocks some milliseconds.
    func apply(_ rules: String) throws { _ = try run(["-f", "-"], input: rules) }

    /// What it prints.
    func run(_ arguments: [String], input: String = "") throws -> String {
        let input = try System.memoryFile(Array(input.utf8))
        let output = try System.memoryFile([])
        var texts = ([program] + arguments).map { strdup($0) } + [nil]
        defer { for text in texts { free(text) } }
        var environment: [UnsafeMutablePointer<CChar>?] = [nil]
        var pid: pid_t = 0
        let failure = signalbox_spawn_session(&pid, program, &texts, &environment, "/", input.number, output.number)
        guard failure == 0 else { throw SystemFailure("starting \(program)", code: failure) }
        var status: CInt = 0
        while waitpid(pid, &status, 0) < 0 {
            guard errno == EINTR else { throw SystemFailure("waiting for \(program)") }
        }
        let text = String(decoding: Self.content(output), as: UTF8.self)
        guard status == 0 else {
            let lines = text.split(separator: "\n").filter { !$0.hasPrefix("#") }
            throw WayOutFailure("nft: \(lines.prefix(3).joined(separator: " "))")
        }
        return text
    }

    private static func content(_ file: Descriptor) -> [UInt8] {
        var result: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = pread(file.number, &chunk, chunk.count, off_t(result.count))
            if count <= 0 { return result }
            result.append(contentsOf: chunk[..<count])
        }
    }
}
