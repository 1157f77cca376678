import Foundation
import Testing

@testable import signalbox

/// The built program itself: `dev` from start to stop.
@Suite struct DevTests {
    private static let program = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
        .appending(path: "signalbox").path

    private func launch(_ arguments: [String], log: String) throws -> Process {
        let process = Process()
        process.executableURL = URL(filePath: Self.program)
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("SIGNALBOX_") }
        _ = FileManager.default.createFile(atPath: log, contents: nil)
        process.standardError = try FileHandle(forWritingTo: URL(filePath: log))
        try process.run()
        return process
    }

    /// To its end, without the settings that steer these tests.
    private func run(_ arguments: [String], setting variables: [String] = []) async throws -> ChildProcess.Result {
        let foreign = ProcessInfo.processInfo.environment.keys.filter { $0.hasPrefix("SIGNALBOX_") }
        return try await ChildProcess.run(["env"] + foreign.flatMap { ["-u", $0] } + variables + [Self.program] + arguments)
    }

    /// `waitUntilExit` would keep one of the few threads that all tests share.
    private func exit(of process: Process) async throws {
        while process.isRunning { try await Task.sleep(for: .milliseconds(20)) }
    }

    /// Processes with the home in their command line.
    private func processes(of home: String) -> [String] {
        let numbers = (try? FileManager.default.contentsOfDirectory(atPath: "/proc"))?.filter { Int($0) != nil } ?? []
        return numbers.compactMap { FileManager.default.contents(atPath: "/proc/\($0)/cmdline") }
            .map { String(decoding: $0, as: UTF8.self) }.filter { $0.contains(home) }
    }

    @Test(.timeLimit(.minutes(5))) func startsOnceAndStopsWhole() async throws {
        // PostgreSQL runs as another user, who must get through to it.
        try await withTemporaryFolder { folder in
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: folder)
            let home = folder + "/home"
            let ready = folder + "/ready"
            let dev = try launch(
                ["dev", "--home", home, "--listen", "127.0.0.1:0", "--ready-file", ready], log: folder + "/log")
            while !FileManager.default.fileExists(atPath: ready), dev.isRunning { try await Task.sleep(for: .milliseconds(20)) }
            let log = { String(decoding: FileManager.default.contents(atPath: folder + "/log") ?? Data(), as: UTF8.self) }
            try #require(dev.isRunning, "\(log())")
            #expect(log().contains("✓ PostgreSQL (private)\n✓ schema"))
            #expect(processes(of: home).count >= 2)

            let second = try launch(["dev", "--home", home], log: folder + "/second")
            try await exit(of: second)
            #expect(second.terminationStatus == 1)
            let complaint = String(decoding: FileManager.default.contents(atPath: folder + "/second") ?? Data(), as: UTF8.self)
            #expect(complaint.hasPrefix("Error: Signalbox already runs on \(home) (process \(dev.processIdentifier));"))

            let key = try #require(try DevelopmentKey.read(HomeDirectory(path: home)))
            #expect(key.account == "123456789012")
            let env = try await run(["env", "--home", home])
            #expect(env.output.contains("export AWS_SECRET_ACCESS_KEY=\(key.secretAccessKey)\n"))

            dev.terminate()
            try await exit(of: dev)
            #expect(dev.terminationStatus == 0)
            #expect(!FileManager.default.fileExists(atPath: ready))
            #expect(processes(of: home) == [])
            #expect(!log().contains(key.secretAccessKey))
            let after = try await run(["env", "--home", home])
            #expect(after.status == 1)
        }
    }

    @Test func failpointsNeedPermission() async throws {
        let result = try await run(["dev", "--home", "/nowhere"], setting: ["SIGNALBOX_FAILPOINTS=x=kill"])
        #expect(result.status == 64)
        #expect(result.output == "Error: SIGNALBOX_FAILPOINTS: this is for tests alone; unset it, or start with --allow-failpoints\n")
    }
}
