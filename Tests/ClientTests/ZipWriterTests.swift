import Client
import Foundation
import Testing

@Suite struct ZipWriterTests {
    private func entry(_ name: String, _ text: String, isExecutable: Bool = false) -> ZipWriter.Entry {
        ZipWriter.Entry(name: name, isExecutable: isExecutable) { Array(text.utf8) }
    }

    private func archive(_ entries: [ZipWriter.Entry]) throws -> (Data, ZipWriter.Summary) {
        var bytes = Data()
        let summary = try ZipWriter.write(entries) { bytes += $0 }
        return (bytes, summary)
    }

    @Test func pythonReadsWhatWasWritten() throws {
        let (bytes, summary) = try archive([
            entry("main.py", String(repeating: "print('x')\n", count: 1000)), entry("bin/run", "#!/bin/sh\n", isExecutable: true),
            entry("grüße/ñ.txt", "é"), entry("empty", ""),
        ])
        #expect(summary.size == Int64(bytes.count))
        #expect(summary.fileCount == 4)
        let path = FileManager.default.temporaryDirectory.appending(path: "signalbox-\(UUID().uuidString).zip")
        defer { try? FileManager.default.removeItem(at: path) }
        try bytes.write(to: path)

        let python = Process()
        python.executableURL = URL(filePath: "/usr/bin/python3")
        python.arguments = [
            "-c",
            """
            import hashlib, sys, zipfile
            z = zipfile.ZipFile(sys.argv[1])
            assert z.testzip() is None
            for i in z.infolist():
                print(i.filename, oct(i.external_attr >> 16), i.date_time, i.compress_type, len(z.read(i)))
            print(hashlib.sha256(open(sys.argv[1], "rb").read()).hexdigest())
            """, path.path,
        ]
        python.environment = ["PYTHONIOENCODING": "utf-8"]
        let output = Pipe()
        python.standardOutput = output
        try python.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        python.waitUntilExit()
        #expect(
            text == """
                bin/run 0o100755 (1980, 1, 1, 0, 0, 0) 0 10
                empty 0o100644 (1980, 1, 1, 0, 0, 0) 0 0
                grüße/ñ.txt 0o100644 (1980, 1, 1, 0, 0, 0) 0 2
                main.py 0o100644 (1980, 1, 1, 0, 0, 0) 8 11000
                \(summary.sha256)

                """)
    }

    @Test func orderOfTheEntriesDoesNotMatter() throws {
        let entries = [entry("b", "2"), entry("a", "1"), entry("a/b", "3")]
        let (one, _) = try archive(entries)
        let (two, _) = try archive(entries.reversed())
        #expect(one == two)
    }

    @Test func anEmptyArchiveIsOne() throws {
        let (bytes, _) = try archive([])
        #expect(bytes.count == 22)
    }

    @Test func duplicateNamesAreRefused() {
        #expect(throws: ZipWriter.Failure.self) { try archive([entry("a", "1"), entry("a", "2")]) }
    }
}
