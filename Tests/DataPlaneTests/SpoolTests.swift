import CLinux
import Glibc
import NIOCore
import NIOPosix
import Platform
import Testing

@testable import DataPlane

/// Files of bodies: without a name, private, and bounded.
struct SpoolTests {
    private func withDirectory(_ body: (String) async throws -> Void) async throws {
        let path = "/tmp/signalbox-spool-\(Identifier.alphanumeric(8))"
        #expect(mkdir(path, 0o700) == 0)
        try await body(path)
        #expect(rmdir(path) == 0, "something was left in it")
    }

    @Test func filesHaveNoName() async throws {
        try await withDirectory { path in
            for open in [clinux_unnamed_file, clinux_unlinked_file] {
                let descriptor = open(path)
                #expect(descriptor >= 0, "errno \(errno)")
                defer { close(descriptor) }
                var status = stat()
                #expect(fstat(descriptor, &status) == 0 && status.st_nlink == 0 && status.st_mode & 0o777 == 0o600)
                #expect(fcntl(descriptor, F_GETFD) & FD_CLOEXEC != 0 && fcntl(descriptor, F_GETFL) & O_ACCMODE == O_RDWR)
                #expect(open(path + "/missing") == -1 && errno == ENOENT)
            }
        }
    }

    @Test func oneBudgetForAll() async throws {
        try await withDirectory { path in
            let spools = SpoolDirectory(path, limit: 10, threads: .singleton)
            var files: [BodySpool] = []
            for _ in 0..<2 { files.append(try await spools.open()) }
            try await files[0].append(ByteBuffer(string: "hello"), at: 0)
            try await files[1].append(ByteBuffer(string: "you"), at: 0)
            await #expect {
                try await files[1].append(ByteBuffer(string: "all"), at: 3)
            } throws: { error in
                guard case .unavailable = (error as? SignalboxError)?.kind else { return false }
                return true
            }
            try await files[1].append(ByteBuffer(string: "r"), at: 3)
            #expect(spools.inUse == 9)
            #expect(try await String(buffer: files[0].read(at: 1, count: 3)) == "ell")
            #expect(try await String(buffer: files[1].read(at: 0, count: 4)) == "your")
            files.removeFirst()
            #expect(spools.inUse == 4)
            files.removeFirst()
            #expect(spools.inUse == 0)
        }
    }
}
