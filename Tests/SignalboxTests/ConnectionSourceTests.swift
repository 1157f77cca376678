import Client
import Foundation
import Testing

@testable import signalbox

@Suite struct ConnectionSourceTests {
    private let aws = [
        "AWS_ENDPOINT_URL_BEDROCK_AGENTCORE_CONTROL": "http://h:1/", "AWS_ENDPOINT_URL_BEDROCK_AGENTCORE": "http://h:2",
        "AWS_ENDPOINT_URL_S3": "http://h:3/_s3", "AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "AKIA",
        "AWS_SECRET_ACCESS_KEY": "secret", "AWS_ACCOUNT_ID": "210987654321",
    ]

    private func find(_ home: String, isHomeGiven: Bool = false, _ environment: [String: String]) throws -> Connection {
        try ConnectionSource.find(home: HomeDirectory(path: home), isHomeGiven: isHomeGiven, environment: environment)
    }

    @Test func variablesOfEnv() throws {
        let connection = try find("/nowhere", aws)
        #expect(connection.controlPlane == "http://h:1")
        #expect(connection.dataPlane == "http://h:2")
        #expect(connection.objects == "http://h:3/_s3")
        #expect(connection.region == "eu-west-1")
        #expect(connection.account == "210987654321")
    }

    @Test func oneVariableForAll() throws {
        let connection = try find(
            "/nowhere",
            [
                "AWS_ENDPOINT_URL": "http://h:1", "AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "secret",
            ])
        #expect(connection.objects == "http://h:1/_s3")
        #expect(connection.region == "us-east-1")
        #expect(connection.account == nil)
    }

    @Test func missingPartsSayWhatToDo() throws {
        var keyless = aws
        keyless["AWS_SECRET_ACCESS_KEY"] = nil
        let first = #expect(throws: CommandError.self) { try find("/nowhere", keyless) }
        #expect(first?.message.contains(#"eval "$(signalbox env)""#) == true)
        // Keys without an endpoint are somebody's real ones.
        let second = #expect(throws: CommandError.self) {
            try find("/nowhere", ["AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "secret"])
        }
        #expect(second?.message.contains("no Signalbox runs on /nowhere; start one with 'signalbox dev'") == true)
        #expect(throws: CommandError.self) { try find("/nowhere", isHomeGiven: true, aws) }
    }

    /// Another process holds the lock, as a server does.
    @Test func runningServerOfAHome() async throws {
        try await withTemporaryFolder { folder in
            let home = HomeDirectory(path: folder + "/home")
            try home.prepare()
            try DevelopmentKey(accessKeyId: "AKIA", secretAccessKey: "s", account: "123456789012", region: "us-east-1").write(home)
            let attributes = try FileManager.default.attributesOfItem(atPath: home.developmentKey)
            #expect(attributes[.posixPermissions] as? Int == 0o600)

            let server = Process()
            server.executableURL = URL(filePath: "/usr/bin/python3")
            server.arguments = [
                "-c",
                """
                import fcntl, os, sys
                lock = open(sys.argv[1], "w")
                fcntl.lockf(lock, fcntl.LOCK_EX)
                print("locked", flush=True)
                sys.stdin.read()
                """, home.lock,
            ]
            let input = Pipe()
            let output = Pipe()
            server.standardInput = input
            server.standardOutput = output
            try server.run()
            #expect(!output.fileHandleForReading.availableData.isEmpty)

            #expect(RunningServer.find(home) == nil, "no file yet")
            try RunningServer(url: "http://127.0.0.1:9", pid: server.processIdentifier).write(home)
            #expect(RunningServer.find(home)?.url == "http://127.0.0.1:9")
            let connection = try find(home.path, [:])
            #expect(connection.controlPlane == "http://127.0.0.1:9")
            #expect(connection.objects == "http://127.0.0.1:9/_s3")
            #expect(connection.account == "123456789012")
            let error = await #expect(throws: CommandError.self) { try await ServerLock.with(home) {} }
            #expect(error?.message.contains("already runs on \(home.path) (process \(server.processIdentifier))") == true)

            try input.fileHandleForWriting.close()
            server.waitUntilExit()
            #expect(RunningServer.find(home) == nil, "what a dead server left counts for nothing")
            try await ServerLock.with(home) {}
        }
    }
}
