import AgentCoreModel
import Artifacts
import Foundation
import Logging
import Platform
import Sandboxing
import Store
import TestSupport

@testable import Provisioning

/// A database, a supervisor and a cache of bundles, all of the test's own.
struct ProvisioningFixture: Sendable {
    let context = OperationContext.test()
    let home: String
    let objects: ObjectStore
    let bundles: BundleCache
    let supervisor: SupervisorClient

    static let python = "/usr/bin/python3"

    /// Whether bubblewrap works here at all.
    static let canRun: Bool = {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/bwrap")
        process.arguments = ["--unshare-all", "--ro-bind", "/", "/", "true"]
        guard (try? process.run()) != nil else { return false }
        process.waitUntilExit()
        return process.terminationStatus == 0
    }()

    static func with(_ body: @escaping @Sendable (ProvisioningFixture) async throws -> Void) async throws {
        let home = "/tmp/signalbox-test-" + Identifier.alphanumeric(8)
        try FileManager.default.createDirectory(atPath: home, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: home) }
        let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let supervisor = Supervisor(
            configuration: SupervisorConfiguration(
                home: home, shutdownGrace: .milliseconds(200), wayOut: WayOutConfiguration(isOn: false)), logger: quiet)
        let serving = Task { try await supervisor.run() }
        let client = SupervisorClient(socketPath: SupervisorConfiguration.socketPath(home: home), logger: quiet)
        let linking = Task { await client.run() }
        let result = await Task {
            try await eventually("the supervisor answers") { (try? await client.list()) != nil }
            try await TestDatabase.withDatabase(.store) { postgres in
                let objects = ObjectStore(postgres: postgres)
                let bundles = BundleCache(directory: home + "/bundles", objects: objects)
                try await bundles.prepare()
                let fixture = ProvisioningFixture(home: home, objects: objects, bundles: bundles, supervisor: client)
                try await objects.bucketCreate(fixture.context, name: "agents")
                let result = await Task { try await body(fixture) }.result
                await bundles.finish()
                try result.get()
            }
        }.result
        supervisor.shutdown()
        _ = await serving.result
        linking.cancel()
        await linking.value
        try result.get()
    }

    func provisioner(timeout: Duration = .seconds(60)) -> Provisioner {
        Provisioner(
            bundles: bundles, supervisor: supervisor,
            configuration: ProvisioningConfiguration(
                limits: SandboxLimits(memoryBytes: 512 << 20), initializationTimeout: timeout, failedGrace: .milliseconds(100)))
    }

    /// A stored version whose bundle has these files.
    func version(
        _ files: [String: String], runtime: AgentManagedRuntimeType = .python3_11, entryPoint: [String] = ["main.py"],
        environment: [String: String] = [:]
    ) async throws -> VersionRecord {
        let record = try await objects.objectPut(
            context, bucket: "agents", key: "a.zip", body: ObjectBody(bytes: try Self.zip(files)))
        return Self.version(artifact: record.artifact, runtime: runtime, entryPoint: entryPoint, environment: environment)
    }

    static func version(
        artifact: ArtifactReference?, runtime: AgentManagedRuntimeType = .python3_11, entryPoint: [String] = ["main.py"],
        environment: [String: String] = [:]
    ) -> VersionRecord {
        let code = CodeConfiguration(
            code: Code(s3: S3Location(bucket: "agents", prefix: "a.zip")), runtime: runtime, entryPoint: entryPoint)
        return VersionRecord(
            id: 1, runtime: 1, runtimeID: "hello-abcdefghij", account: TestTenant.account, region: TestTenant.region,
            runtimeName: "hello", version: 1,
            configuration: VersionConfiguration(
                agentRuntimeArtifact: AgentRuntimeArtifact(codeConfiguration: code), roleArn: "arn:aws:iam::123456789012:role/a"),
            environmentVariables: environment, artifact: artifact, status: .creating, createdAt: Date(), updatedAt: Date())
    }

    /// A zip as Python writes it.
    static func zip(_ files: [String: String]) throws -> [UInt8] {
        let path = NSTemporaryDirectory() + "/" + Identifier.alphanumeric(10)
        defer { for suffix in [".json", ".zip"] { try? FileManager.default.removeItem(atPath: path + suffix) } }
        try JSONEncoder().encode(files).write(to: URL(fileURLWithPath: path + ".json"))
        let process = Process()
        process.executableURL = URL(fileURLWithPath: python)
        process.arguments = [
            "-c",
            """
            import json, sys, zipfile
            with zipfile.ZipFile(sys.argv[1] + ".zip", "w", zipfile.ZIP_DEFLATED) as z:
                for name, text in json.load(open(sys.argv[1] + ".json")).items(): z.writestr(name, text)
            """, path,
        ]
        try process.run()
        process.waitUntilExit()
        return Array(try Data(contentsOf: URL(fileURLWithPath: path + ".zip")))
    }

    /// Answers /ping, after printing one line of JSON about itself.
    static let agent = """
        import http.server, json, os, sys
        import pkg.helper as helper
        print(json.dumps({"environment": dict(os.environ), "argv": sys.argv, "compiled": os.path.exists(helper.__cached__)}))
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()
            def log_message(self, *arguments): pass
        http.server.HTTPServer(("0.0.0.0", 8080), Handler).serve_forever()
        """

    static let files = ["main.py": agent, "pkg/helper.py": "value = 1\n", "pkg/broken.py": "def (:\n"]

    struct Report: Decodable {
        var environment: [String: String]
        var argv: [String]
        var compiled: Bool
    }

    func report(_ sandbox: String) async throws -> Report {
        try JSONDecoder().decode(Report.self, from: Data(try await supervisor.logTail(sandbox, bytes: 16_384).utf8))
    }
}
