import Foundation
import NIOCore
import Testing

@testable import signalbox

@Suite struct TarTests {
    private func make(_ temporary: String) throws {
        let files = FileManager.default
        try files.createDirectory(atPath: temporary + "/sub/empty", withIntermediateDirectories: true)
        for (name, text, mode) in [
            ("run", "#!/bin/sh\n", 0o755), ("a", String(repeating: "x", count: 512), 0o600), ("sub/empty.txt", "", 0o644),
            (String(repeating: "long", count: 30), "of a long name", 0o644), ("grüße.txt", "ü", 0o644),
        ] {
            let path = temporary + "/" + name
            try Data(text.utf8).write(to: URL(filePath: path))
            try files.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
        }
        try files.setAttributes([.posixPermissions: 0o755], ofItemAtPath: temporary + "/sub")
        try files.setAttributes([.posixPermissions: 0o755], ofItemAtPath: temporary + "/sub/empty")
        try files.createSymbolicLink(atPath: temporary + "/outside", withDestinationPath: "/etc/passwd")
        try files.createSymbolicLink(
            atPath: temporary + "/far", withDestinationPath: String(repeating: "../", count: 40) + "nowhere")
        try Data("FROM scratch\n".utf8).write(to: URL(filePath: temporary + "/Dockerfile"))
    }

    private func archive(_ folder: String) throws -> [UInt8] {
        let context = try BuildContext(Folder(folder), dockerfile: "Dockerfile")
        let tar = TarStream(context.path, try context.entries())
        var bytes: [UInt8] = []
        while let piece = try tar.next() { bytes += piece.readableBytesView }
        return bytes
    }

    @Test func isReadByOthers() async throws {
        try await withTemporaryFolder { temporary in
            try createFolder(temporary + "/folder")
            try make(temporary + "/folder")
            try Data(try archive(temporary + "/folder")).write(to: URL(filePath: temporary + "/a.tar"))
            let script = """
                import sys, tarfile
                for e in tarfile.open(sys.argv[1]):
                    name = e.name if len(e.name) < 100 else 'long'
                    link = e.linkname if len(e.linkname) < 100 else f'{len(e.linkname)} bytes'
                    print(name, oct(e.mode), e.uid, e.gid, e.mtime, link if e.issym() else 'folder' if e.isdir() else e.size)
                """
            let result = try await ChildProcess.run(["python3", "-c", script, temporary + "/a.tar"])
            #expect(
                result.output == """
                    Dockerfile 0o644 0 0 315619200 13
                    a 0o600 0 0 315619200 512
                    far 0o777 0 0 315619200 127 bytes
                    grüße.txt 0o644 0 0 315619200 2
                    long 0o644 0 0 315619200 14
                    outside 0o777 0 0 315619200 /etc/passwd
                    run 0o755 0 0 315619200 10
                    sub 0o755 0 0 315619200 folder
                    sub/empty 0o755 0 0 315619200 folder
                    sub/empty.txt 0o644 0 0 315619200 0

                    """)
            // The contents, by another program.
            try createFolder(temporary + "/out")
            let extracted = try await ChildProcess.run(["tar", "-xf", temporary + "/a.tar", "-C", temporary + "/out"])
            #expect(extracted.succeeded, "\(extracted.output)")
            let compared = try await ChildProcess.run([
                "diff", "--recursive", "--no-dereference", temporary + "/folder", temporary + "/out",
            ])
            #expect(compared.succeeded, "\(compared.output)")
        }
    }

    @Test func dependsOnContentsAlone() async throws {
        try await withTemporaryFolder { temporary in
            for name in ["one", "two"] {
                try createFolder(temporary + "/" + name)
                try make(temporary + "/" + name)
            }
            try FileManager.default.setAttributes([.modificationDate: Date(timeIntervalSince1970: 0)], ofItemAtPath: temporary + "/two/a")
            #expect(try archive(temporary + "/one") == archive(temporary + "/two"))
        }
    }

    @Test func aFileThatShrinksIsSaid() async throws {
        try await withTemporaryFolder { temporary in
            try Data("short".utf8).write(to: URL(filePath: temporary + "/a"))
            let tar = TarStream(temporary, [TarEntry(name: "a", kind: .file(size: 6), mode: 0o644)])
            #expect(throws: CommandError.self) { while try tar.next() != nil {} }
            let gone = TarStream(temporary, [TarEntry(name: "b", kind: .file(size: 6), mode: 0o644)])
            #expect(throws: CommandError.self) { try gone.next() }
        }
    }

    @Test func aLinkThatTookAFilesPlaceIsNotFollowed() async throws {
        try await withTemporaryFolder { temporary in
            try FileManager.default.createSymbolicLink(atPath: temporary + "/a", withDestinationPath: "/etc/passwd")
            let tar = TarStream(temporary, [TarEntry(name: "a", kind: .file(size: 1), mode: 0o644)])
            #expect(throws: CommandError.self) { try tar.next() }
        }
    }

    /// Eight GiB fit into a header's eleven octal digits, and no byte more.
    @Test(arguments: [(Int64(0o777_7777_7777), 512), (Int64(0o1_000_0000_0000), 1536)])
    func largeFilesHaveARecord(_ size: Int64, _ length: Int) {
        let header = TarEntry(name: "a", kind: .file(size: size), mode: 0o644).header
        #expect(header.count == length)
        #expect(String(decoding: header, as: UTF8.self).contains("19 size=8589934592\n") == (length > 512))
    }

    @Test(arguments: [
        ("a", "b", false), ("a", "../b", true), ("d/a", "../b", false), ("d/a", "../../b", true), ("a", "d/../../b", true),
        ("a", "./b", false), ("a", "/etc/passwd", false),
    ])
    func linksThatLeadOut(_ name: String, _ target: String, _ leadsOut: Bool) {
        #expect(TarEntry(name: name, kind: .link(target: target), mode: 0o777).leadsOut == leadsOut)
    }
}
