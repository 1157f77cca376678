import AgentCoreModel
import Client
import Foundation
import Testing

@testable import signalbox

@Suite struct DeploymentTests {
    private func write(_ text: String, _ path: String) throws {
        let file = URL(filePath: path)
        try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try text.write(to: file, atomically: true, encoding: .utf8)
    }

    @Test func folderLeavesOutWhatIsIgnored() async throws {
        try await withTemporaryFolder { folder in
            for name in [
                "main.py", "lib/tool.py", "lib/__pycache__/tool.pyc", ".git/config", ".venv/bin/python", "old.pyc", "notes.md",
                "data/keep.csv", "data/big.csv", "build/out.txt", "src/build/kept.txt",
            ] { try write("x", folder + "/" + name) }
            try write("# comment\n*.md\n/build/\ndata/*\n!data/keep.csv\n", folder + "/.signalboxignore")
            let names = try Folder(folder).entries().map(\.name).sorted()
            #expect(names == ["data/keep.csv", "lib/tool.py", "main.py", "src/build/kept.txt"])
        }
    }

    @Test func linksLeadInsideOrNowhere() async throws {
        try await withTemporaryFolder { folder in
            try write("inside", folder + "/real.py")
            try FileManager.default.createSymbolicLink(atPath: folder + "/main.py", withDestinationPath: "real.py")
            let entry = try #require(try Folder(folder).entries().first { $0.name == "main.py" })
            #expect(try entry.contents() == Array("inside".utf8))
            try FileManager.default.createSymbolicLink(atPath: folder + "/passwd", withDestinationPath: "/etc/passwd")
            #expect(throws: CommandError.self) { try Folder(folder).entries() }
        }
    }

    @Test func archiveDependsOnContentsAlone() async throws {
        try await withTemporaryFolder { temporary in
            for (copy, order) in [("one", ["a.py", "b/c.py"]), ("two", ["b/c.py", "a.py"])] {
                for name in order { try write("print('\(name)')", "\(temporary)/\(copy)/\(name)") }
            }
            try FileManager.default.setAttributes(
                [.modificationDate: Date(timeIntervalSince1970: 0)], ofItemAtPath: temporary + "/two/a.py")
            let one = try Archive.pack(Folder(temporary + "/one"), packages: nil, to: temporary + "/1.zip")
            let two = try Archive.pack(Folder(temporary + "/two"), packages: nil, to: temporary + "/2.zip")
            #expect(one.summary == two.summary)
            #expect(one.summary.fileCount == 2)
            #expect(FileManager.default.contents(atPath: one.path) == FileManager.default.contents(atPath: two.path))
            let pieces = try await one.read { next in try [next(10), next(1 << 20), next(1)] }
            #expect(pieces.map(\.count) == [10, Int(one.summary.size) - 10, 0])
        }
    }

    @Test func theFoldersFileCountsBeforeAPackages() async throws {
        try await withTemporaryFolder { temporary in
            try write("mine", temporary + "/agent/six.py")
            try write("theirs", temporary + "/packages/six.py")
            try write("theirs", temporary + "/packages/other.py")
            _ = try Archive.pack(
                Folder(temporary + "/agent"), packages: Folder(temporary + "/packages"), to: temporary + "/a.zip")
            let script = "import sys, zipfile; z = zipfile.ZipFile(sys.argv[1]); print({n: z.read(n).decode() for n in z.namelist()})"
            let result = try await ChildProcess.run(["python3", "-c", script, temporary + "/a.zip"])
            #expect(result.output == "{'other.py': 'theirs', 'six.py': 'mine'}\n")
        }
    }

    @Test func requirementsThatFailSayWhy() async throws {
        try await withTemporaryFolder { temporary in
            try write("nonsense ===", temporary + "/requirements.txt")
            try createFolder(temporary + "/target")
            let error = await #expect(throws: CommandError.self) {
                try await Progress(isShown: false).step("") { step in
                    try await Requirements.install(
                        temporary + "/requirements.txt", into: temporary + "/target", version: "3.11", step: step)
                }
            }
            #expect(error?.message.hasPrefix("installing requirements.txt failed:") == true)
        }
    }

    @Test func newestInterpreter() {
        #expect(Interpreter.newest(of: ["PYTHON_3_9", "PYTHON_3_12", "NODE_22", "PYTHON_3_10"])?.runtime == "PYTHON_3_12")
        #expect(Interpreter.newest(of: ["NODE_22"]) == nil)
        #expect(Interpreter("PYTHON_3_11").pythonVersion == "3.11")
    }

    private let plan = DeploymentPlan(artifact: Self.archive("1.zip"), defaultRole: "arn:aws:iam::123456789012:role/signalbox")

    private static func archive(_ file: String, _ entryPoint: String = "main.py") -> DeploymentPlan.Artifact {
        .archive(bucket: "b", key: "hello/" + file, interpreter: "PYTHON_3_11", entryPoint: [entryPoint])
    }

    /// What GetAgentRuntime answers after this request, with what others configured.
    private func answer(_ request: [String: JSONValue]) -> JSONValue {
        .object(
            request.merging([
                "agentRuntimeName": "hello", "agentRuntimeId": "hello-0123456789", "agentRuntimeVersion": "1", "status": "READY",
                "lifecycleConfiguration": ["idleRuntimeSessionTimeout": 60, "maxLifetime": 61], "createdAt": "x", "lastUpdatedAt": "y",
                "agentRuntimeArn": "arn", "workloadIdentityDetails": ["workloadIdentityArn": "w"],
                "authorizerConfiguration": ["customJWTAuthorizer": ["discoveryUrl": "https://example.com"]],
            ]) { $1 })
    }

    @Test func repeatedPlanIsFulfilled() {
        var creation = plan.creation(named: "hello")
        #expect(creation["environmentVariables"] == nil)
        #expect(plan.isFulfilled(by: answer(creation)))
        creation["environmentVariables"] = [:]
        #expect(plan.isFulfilled(by: answer(creation)))

        var failed = answer(creation).object ?? [:]
        failed["status"] = "UPDATE_FAILED"
        #expect(!plan.isFulfilled(by: .object(failed)))
        for change: (inout DeploymentPlan) -> Void in [
            { $0.artifact = Self.archive("2.zip") }, { $0.environment = ["A": "b"] }, { $0.description = "new" },
            { $0.role = "arn:aws:iam::123456789012:role/other" }, { $0.artifact = Self.archive("1.zip", "other.py") },
            { $0.artifact = .image("localhost/a@sha256:00") },
        ] {
            var changed = plan
            change(&changed)
            #expect(!changed.isFulfilled(by: answer(creation)))
        }
    }

    @Test func updateKeepsWhatItDoesNotSpeakOf() {
        var creation = plan.creation(named: "hello")
        creation["environmentVariables"] = ["KEEP": "1", "CHANGE": "1", "DROP": "1"]
        creation["roleArn"] = "arn:aws:iam::123456789012:role/own"
        creation["description"] = "old"
        var next = plan
        next.artifact = Self.archive("2.zip")
        next.environment = ["CHANGE": "2", "ADD": "3"]
        next.removedEnvironment = ["DROP"]
        let update = next.update(of: answer(creation))
        #expect(update["environmentVariables"] == ["KEEP": "1", "CHANGE": "2", "ADD": "3"])
        #expect(update["roleArn"] == "arn:aws:iam::123456789012:role/own")
        #expect(update["description"] == "old")
        #expect(update["authorizerConfiguration"] != nil)
        #expect(update["lifecycleConfiguration"]?["maxLifetime"]?.integer == 61)
        #expect(update["agentRuntimeArtifact"]?["codeConfiguration"]?["code"]?["s3"]?["prefix"]?.string == "hello/2.zip")
        for member in ["agentRuntimeName", "status", "createdAt", "agentRuntimeVersion", "workloadIdentityDetails"] {
            #expect(update[member] == nil)
        }
    }

    @Test func anUpdateToAnImageKeepsTheRest() {
        var next = plan
        next.artifact = .image("localhost/signalbox/hello@sha256:00")
        var creation = plan.creation(named: "hello")
        creation["environmentVariables"] = ["KEEP": "1"]
        let update = next.update(of: answer(creation))
        #expect(update["agentRuntimeArtifact"] == ["containerConfiguration": ["containerUri": "localhost/signalbox/hello@sha256:00"]])
        #expect(update["environmentVariables"] == ["KEEP": "1"])
        #expect(update["authorizerConfiguration"] != nil)
        #expect(next.isFulfilled(by: answer(update)))
    }
}
