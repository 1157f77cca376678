import Foundation
import Testing

@testable import Artifacts

@Suite("Zip archives")
struct ZipArchiveTests {
    typealias Entry = ZipBuilder.Entry

    /// Unpacks into a new directory and hands it over; removes it afterwards.
    func unpack(_ bytes: [UInt8], limits: ArchiveLimits = ArchiveLimits(), _ check: (String) throws -> Void = { _ in }) throws {
        let root = FileManager.default.temporaryDirectory.appendingPathComponent("zip-" + UUID().uuidString).path
        try FileManager.default.createDirectory(atPath: root + "/tree", withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: root) }
        _ = FileManager.default.createFile(atPath: root + "/a.zip", contents: Data(bytes))
        let archive = try ZipArchive(file: FileReader(path: root + "/a.zip"), limits: limits)
        try ZipExtractor(archive: archive, directory: root + "/tree").run()
        try check(root + "/tree")
        #expect(try FileManager.default.contentsOfDirectory(atPath: root).sorted() == ["a.zip", "tree"])
    }

    /// Both the reason and a sentence with the offending name are expected.
    func refuses(
        _ reason: ArchiveError.Reason, naming name: String? = nil, limits: ArchiveLimits = ArchiveLimits(), _ bytes: [UInt8],
        _ location: SourceLocation = #_sourceLocation
    ) {
        do {
            try unpack(bytes, limits: limits)
            Issue.record("accepted", sourceLocation: location)
        } catch let error as ArchiveError {
            #expect(error.reason == reason, "\(error)", sourceLocation: location)
            #expect(error.message.hasSuffix(".") || error.message.hasSuffix(")."), sourceLocation: location)
            if let name { #expect(error.message.contains(name), "\(error)", sourceLocation: location) }
        } catch {
            Issue.record(error, sourceLocation: location)
        }
    }

    func mode(_ path: String) throws -> Int? {
        try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
    }

    @Test("Stored and deflated files, folders and links come out as they went in")
    func roundTrip() throws {
        let large = String(repeating: "0123456789", count: 100_000)
        let zip = ZipBuilder([
            .directory("pkg/"), Entry("pkg/a.py", "print(1)"), Entry("main.py", large),
            Entry("bin/tool", "#!", mode: 0o104777), Entry("stored", "kept").with { $0.method = 0 }, Entry("empty"),
            Entry("plain", "no mode", mode: 0), .link("pkg/link.py", to: "../main.py"), .link("current", to: "pkg"),
            Entry("./dot/ü.txt", "u"), .directory("./"),
        ])
        try unpack(zip.build()) { (root) throws in
            #expect(try String(contentsOfFile: root + "/main.py", encoding: .utf8) == large)
            #expect(try String(contentsOfFile: root + "/current/link.py", encoding: .utf8) == large)
            #expect(try String(contentsOfFile: root + "/stored", encoding: .utf8) == "kept")
            #expect(try String(contentsOfFile: root + "/dot/ü.txt", encoding: .utf8) == "u")
            #expect(try Data(contentsOf: URL(fileURLWithPath: root + "/empty")).isEmpty)
            #expect(try mode(root + "/bin/tool") == 0o755)
            #expect(try mode(root + "/main.py") == 0o644)
            #expect(try mode(root + "/plain") == 0o644)
            #expect(try mode(root + "/bin") == 0o755)
            #expect(try mode(root + "/pkg") == 0o755)
        }
    }

    @Test("Zip64 fields, a zip64 end record and a comment are understood")
    func zip64() throws {
        var zip = ZipBuilder([Entry("a", "first").with { $0.zip64 = true }, Entry("b", "second").with { $0.zip64 = true }])
        zip.zip64End = true
        zip.comment = Array("a comment".utf8)
        try unpack(zip.build()) { (root) throws in
            #expect(try String(contentsOfFile: root + "/a", encoding: .utf8) == "first")
            #expect(try String(contentsOfFile: root + "/b", encoding: .utf8) == "second")
        }
    }

    @Test("What Python's zipfile writes is read")
    func python() throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString + ".zip").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/python3")
        process.arguments = [
            "-c",
            """
            import sys, zipfile
            with zipfile.ZipFile(sys.argv[1], "w", zipfile.ZIP_DEFLATED) as z:
                z.writestr("main.py", "x = 1\\n" * 1000)
                with z.open("ü/streamed.txt", "w", force_zip64=True) as f: f.write(b"y" * 3000000)
            """, path,
        ]
        try process.run()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        try unpack(Array(Data(contentsOf: URL(fileURLWithPath: path)))) { (root) throws in
            #expect(try Data(contentsOf: URL(fileURLWithPath: root + "/ü/streamed.txt")).count == 3_000_000)
        }
    }

    @Test(
        "Names that lead out, or do not mean the same to every reader",
        arguments: [
            "../evil", "a/../../evil", "/etc/passwd", "a\\..\\b", "..", "a//b", "nul\0byte", "line\nbreak",
            String(repeating: "x", count: 256), String(repeating: "d/", count: 100) + "x",
        ])
    func unsafeNames(name: String) {
        refuses(.unsafePath, ZipBuilder([Entry(name, "x")]).build())
    }

    @Test("A name that is not UTF-8, or empty")
    func oddNames() {
        refuses(.unsafePath, ZipBuilder([Entry("").with { $0.name = [0xff, 0xfe] }]).build())
        refuses(.unsafePath, ZipBuilder([Entry("")]).build())
    }

    @Test(
        "Links that leave the bundle, at once or step by step",
        arguments: [
            [("a", "/etc/passwd")], [("a", "../x")], [("d/a", "../../x")], [("a", "b/../../x")],
            [("x/y/a", "../.."), ("b", "x/y/a/../secret")], [("a", "b"), ("b", "a")], [("a", "a")], [("a", "")],
        ])
    func unsafeLinks(links: [(String, String)]) {
        refuses(.unsafeLink, ZipBuilder(links.map { .link($0.0, to: $0.1) }).build())
    }

    @Test("A file under a link, before or after it")
    func underLink() {
        let link = Entry.link("lib", to: "tmp")
        refuses(.unsafeLink, naming: "lib", ZipBuilder([link, Entry("lib/evil.py", "x")]).build())
        refuses(.unsafeLink, naming: "lib", ZipBuilder([Entry("lib/deep/evil.py", "x"), link]).build())
    }

    @Test("The same name twice, and a file that is a folder")
    func duplicates() {
        refuses(.duplicate, naming: "main.py", ZipBuilder([Entry("main.py", "a"), Entry("./main.py", "b")]).build())
        refuses(.duplicate, naming: "'a'", ZipBuilder([Entry("a", "x"), Entry("a/b", "y")]).build())
        refuses(.duplicate, ZipBuilder([Entry("a", "x"), .link("a", to: "b")]).build())
    }

    @Test("Encrypted, unknown methods, devices")
    func unsupported() {
        refuses(.encrypted, naming: "secret", ZipBuilder([Entry("secret", "x").with { $0.flags = 1 }]).build())
        refuses(.unsupported, naming: "method 12", ZipBuilder([Entry("a", "x").with { $0.method = 12 }]).build())
        for mode: UInt32 in [0o020644, 0o060644, 0o010644, 0o140755] {
            refuses(.specialFile, naming: "dev", ZipBuilder([Entry("dev", mode: mode)]).build())
        }
    }

    @Test("Wrong checksums, sizes, names and ends")
    func damaged() {
        refuses(.damaged, naming: "a", ZipBuilder([Entry("a", "x").with { $0.claimedChecksum = 7 }]).build())
        refuses(.damaged, naming: "a", ZipBuilder([Entry("a", "xyz").with { $0.claimedSize = 2 }]).build())
        refuses(.damaged, naming: "a", ZipBuilder([Entry("a", "xyz").with { $0.claimedSize = 400 }]).build())
        refuses(.damaged, ZipBuilder([Entry("a", "x").with { $0.localName = Array("b".utf8) }]).build())
        let good = ZipBuilder([Entry("a", String(repeating: "text", count: 1000))]).build()
        refuses(.damaged, Array("prefix".utf8) + good)
        refuses(.notAnArchive, good + Array("suffix".utf8))
        refuses(.notAnArchive, Array("not a zip".utf8))
        refuses(.notAnArchive, [])
    }

    @Test("Every cut and every flipped byte is refused or harmless, never a crash")
    func fuzz() throws {
        let good = ZipBuilder([
            Entry("a.py", String(repeating: "text ", count: 50)), .link("l", to: "a.py"), Entry("d/b", "x").with { $0.zip64 = true },
        ]).build()
        for length in good.indices { refuses(.notAnArchive, Array(good.prefix(length))) }
        for index in good.indices {
            for flip: UInt8 in [0x01, 0x80, 0xff] {
                var bytes = good
                bytes[index] ^= flip
                do { try unpack(bytes) } catch is ArchiveError {}
            }
        }
    }

    @Test("Too large: zipped, unpacked, by number, by ratio")
    func limits() {
        let zeros = Entry("zeros", String(repeating: "\0", count: 1_000_000))
        var limits = ArchiveLimits()
        limits.archiveBytes = 100
        refuses(.tooLarge, naming: "at most", limits: limits, ZipBuilder([zeros]).build())
        limits = ArchiveLimits()
        limits.unpackedBytes = 1_500_000
        refuses(.tooLarge, limits: limits, ZipBuilder([zeros, zeros.with { $0.name = [0x62] }]).build())
        limits = ArchiveLimits()
        limits.entries = 2
        refuses(.tooManyEntries, naming: "3", limits: limits, ZipBuilder([Entry("a"), Entry("b"), Entry("c")]).build())
        limits = ArchiveLimits()
        limits.ratioFloorBytes = 500_000
        refuses(.tooLarge, naming: "bomb", limits: limits, ZipBuilder([zeros]).build())
    }

    @Test("Entries that share their data")
    func overlapping() {
        var zip = ZipBuilder([Entry("same", "x"), Entry("same", "x")])
        zip.overlapAll = true
        refuses(.overlapping, zip.build())
    }
}
