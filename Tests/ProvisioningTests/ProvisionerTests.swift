import AgentCoreModel
import Artifacts
import Foundation
import Platform
import Sandboxing
import Store
import TestSupport
import Testing

@testable import Provisioning

@Suite("Sandboxes for versions", .serialized, .enabled(if: ProvisioningFixture.canRun, "bubblewrap's namespaces are refused here"))
struct ProvisionerTests {
    @Test("A session's sandbox runs the bundle in the documented environment; a probe compiles it first")
    func starts() async throws {
        try await ProvisioningFixture.with { fixture async throws in
            let version = try await fixture.version(
                ProvisioningFixture.files,
                environment: ["OWN": "ü", "AWS_REGION": "eu-west-1", "PYTHONPATH": "/mnt/work", "DOCKER_CONTAINER": "no"])
            let provisioner = fixture.provisioner()
            let specification = try await provisioner.specification(fixture.context, for: version, sandboxID: "s", labels: [:])
            #expect(specification.network == .public)
            var inside = version
            inside.configuration.networkConfiguration.networkMode = .vpc
            #expect(try await provisioner.specification(fixture.context, for: inside, sandboxID: "s", labels: [:]).network == .none)
            let status = try await provisioner.start(fixture.context, version: version, sandboxID: "probe-1", labels: ["kind": "probe"])
            #expect(status.state == .running && status.labels["kind"] == "probe")
            let report = try await fixture.report("probe-1")
            #expect(report.compiled)
            #expect(report.argv == ["main.py"])
            let environment = report.environment
            #expect(
                environment["OWN"] == "ü" && environment["AWS_REGION"] == "eu-west-1" && environment["AWS_DEFAULT_REGION"] == "us-east-1")
            #expect(environment["DOCKER_CONTAINER"] == "1" && environment["PYTHONUNBUFFERED"] == "1")
            #expect(environment["PYTHONPATH"] == "/var/task:/mnt/work")
            #expect(environment["OTEL_RESOURCE_ATTRIBUTES"]?.hasPrefix("service.name=hello.DEFAULT,") == true)
            // The compiler's own sandbox is gone.
            #expect(try await fixture.supervisor.list().map(\.id) == ["probe-1"])
            try await fixture.supervisor.stop("probe-1", grace: .zero)
            _ = try await provisioner.start(
                fixture.context, version: version, sandboxID: "session-1", labels: ["kind": "session", "endpoint": "prod"])
            let second = try await fixture.report("session-1")
            #expect(second.compiled && second.environment["OTEL_RESOURCE_ATTRIBUTES"]?.hasPrefix("service.name=hello.prod,") == true)
            try await fixture.supervisor.stop("session-1", grace: .zero)
        }
    }

    @Test("The bundle stays as it was: the agent can't write into it")
    func readOnly() async throws {
        try await ProvisioningFixture.with { fixture async throws in
            var files = ProvisioningFixture.files
            files["main.py"] = "open('new', 'w')"
            let version = try await fixture.version(files)
            await #expect(throws: SignalboxError.self) {
                try await fixture.provisioner().start(fixture.context, version: version, sandboxID: "s", labels: [:])
            }
            let path = try await fixture.bundles.bundle(fixture.context, try #require(version.artifact))
            #expect(!FileManager.default.fileExists(atPath: path + "/new"))
        }
    }

    @Test("An agent that fails: a sentence with its last lines, in at most 1 KB, and nothing left")
    func fails() async throws {
        try await ProvisioningFixture.with { fixture async throws in
            let noisy = "import sys\nfor i in range(2000): print('line', i)\nraise SystemExit('no model configured')"
            // Whoever ends by itself has time for it, however busy the machine is.
            let cases: [(String, String, Duration)] = [
                (noisy, "no model configured", .seconds(60)), ("import nothing_like_this", "nothing_like_this", .seconds(60)),
                ("import time\ntime.sleep(600)", "port 8080", .seconds(2)),
            ]
            for (index, (program, expected, timeout)) in cases.enumerated() {
                let version = try await fixture.version(["main.py": program])
                do {
                    try await fixture.provisioner(timeout: timeout).start(
                        fixture.context, version: version, sandboxID: "s\(index)", labels: ["kind": "probe"])
                    Issue.record("started")
                } catch let error as SignalboxError {
                    #expect(error.kind == .agentFailed)
                    #expect(error.message.contains(expected), "\(error.message)")
                    #expect(error.message.utf8.count <= 1024)
                }
                #expect(try await fixture.supervisor.list().isEmpty)
            }
        }
    }

    @Test("A cancelled start leaves nothing")
    func cancelled() async throws {
        try await ProvisioningFixture.with { fixture async throws in
            let version = try await fixture.version(["main.py": "import time\ntime.sleep(600)"])
            let start = Task {
                try await fixture.provisioner().start(fixture.context, version: version, sandboxID: "s", labels: [:])
            }
            try await eventually { try await fixture.supervisor.status("s")?.state == .running }
            start.cancel()
            await #expect(throws: (any Error).self) { try await start.value }
            #expect(try await fixture.supervisor.status("s") == nil)
        }
    }

    @Test("What can't be started says why")
    func refused() async throws {
        try await ProvisioningFixture.with { fixture async throws in
            let good = try await fixture.version(ProvisioningFixture.files)
            func message(_ version: VersionRecord) async throws -> String {
                do {
                    _ = try await fixture.provisioner().specification(fixture.context, for: version, sandboxID: "s", labels: [:])
                    return "no error"
                } catch let error as SignalboxError where error.kind == .agentFailed {
                    return error.message
                }
            }
            func like(_ runtime: AgentManagedRuntimeType, _ entryPoint: [String]) -> VersionRecord {
                ProvisioningFixture.version(artifact: good.artifact, runtime: runtime, entryPoint: entryPoint)
            }
            #expect(try await message(like(.python3_11, ["main.py"])) == "no error")
            let found = try await fixture.supervisor.interpreters()
            if found["PYTHON_3_13"] == nil {
                let sentence = try await message(like(.python3_13, ["main.py"]))
                #expect(sentence.hasPrefix("PYTHON_3_13: no such interpreter in the sandbox; found 3."))
            }
            #expect(try await message(like(.node22, ["main.js"])).hasPrefix("NODE_22: no Node interpreter is configured"))
            let missing = try await message(like(.python3_11, ["app.py"]))
            #expect(missing == "The entry point 'app.py' is not in the zip. At the root of the zip there are: main.py, pkg/.")
            #expect(try await message(like(.python3_11, ["helper.py"])).contains("in the folder 'pkg'. Zip the folder's content"))
            let evil = try await fixture.objects.objectPut(
                fixture.context, bucket: "agents", key: "evil", body: ObjectBody(bytes: Array("not a zip".utf8)))
            let refusal = try await message(ProvisioningFixture.version(artifact: evil.artifact))
            #expect(refusal.hasPrefix("The object is not a zip file"))
        }
    }
}
