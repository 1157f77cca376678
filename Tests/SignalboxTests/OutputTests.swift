import AgentCoreModel
import Client
import Foundation
import Logging
import Testing

@testable import signalbox

@Suite struct OutputTests {
    private let runtime: JSONValue = .object([
        "agentRuntimeName": "hello", "agentRuntimeId": "hello-aB3dE6gH9j", "agentRuntimeVersion": "2", "status": "READY",
        "agentRuntimeArn": "arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/hello-aB3dE6gH9j",
        "lastUpdatedAt": "2026-01-02T03:04:05.678Z", "createdAt": "2026-01-01T00:00:00.000Z",
        "roleArn": "arn:aws:iam::123456789012:role/signalbox",
        "lifecycleConfiguration": ["idleRuntimeSessionTimeout": 900, "maxLifetime": 28800],
        "environmentVariables": ["GREETING": "secret-value", "A": "b"],
        "agentRuntimeArtifact": [
            "codeConfiguration": [
                "code": ["s3": ["bucket": "deployments", "prefix": "hello/abc.zip"]], "runtime": "PYTHON_3_11",
                "entryPoint": ["opentelemetry-instrument", "main.py"],
            ]
        ],
    ])
    private let failed: JSONValue = .object([
        "agentRuntimeName": "a_longer_name", "agentRuntimeId": "a_longer_name-0123456789", "agentRuntimeVersion": "1",
        "status": "CREATE_FAILED", "lastUpdatedAt": "2026-01-02T03:04:05.678Z", "description": "two\nlines \u{1b}[31mred",
    ])

    @Test func tables() throws {
        let endpoint: JSONValue = .object([
            "name": "prod", "liveVersion": "1", "targetVersion": "2", "status": "UPDATING", "id": "prod-0123456789",
            "lastUpdatedAt": "2026-01-02T03:04:05.678Z", "createdAt": "2026-01-01T00:00:00.000Z",
        ])
        let tables: [(String, Table)] = [
            ("runtime list", .runtimes([runtime, failed])), ("runtime list, none", .runtimes([])),
            ("runtime get", .runtime(runtime)), ("version list", .versions([runtime, failed])),
            ("endpoint list", .endpoints([endpoint])), ("endpoint get", .endpoint(endpoint)),
        ]
        let text = tables.map { "# \($0)\n\($1.text)\n" }.joined(separator: "\n")
        #expect(!text.contains("secret-value"))
        #expect(!text.contains("\u{1b}"))
        try Golden.expect(text, in: "tables.txt")
    }

    @Test func json() throws {
        let text = Output(format: .json).text(.object(["agentRuntimes": [runtime], "empty": [], "none": [:], "null": nil])) {
            Table([])
        }
        try Golden.expect(text + "\n", in: "list.json")
        #expect(try JSONValue(parsing: text)["agentRuntimes"]?.array == [runtime])
    }

    @Test func env() throws {
        let connection = Connection(
            url: "http://127.0.0.1:4747", region: "us-east-1",
            credential: Credential(accessKeyID: "AKIAEXAMPLE", secretAccessKey: "it's $HOME; \"x\" `y`"), account: "123456789012")
        try Golden.expect(
            EnvCommand.text(connection, format: .table) + "\n\n" + EnvCommand.text(connection, format: .json) + "\n", in: "env.txt")
        #expect("\(connection)".contains("HOME") == false)
        #expect(String(reflecting: connection).contains("HOME") == false)
    }

    @Test(arguments: ["", "plain", "it's", "a b", "$(rm)", "`x`", "\"", "\\", "line\nbreak", "é", "*"])
    func quotingSurvivesAShell(_ text: String) async throws {
        let result = try await ChildProcess.run(["sh", "-c", "printf %s \(Shell.quote(text))"])
        #expect(result.output == text)
    }

    @Test func referenceInTheDocsIsTheTable() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        try Golden.expect(SettingsReference.markdown, at: root.appending(path: "docs/configuration.md"))
    }

    @Test func logLines() {
        let date = Date(timeIntervalSince1970: 1_700_000_000.5)
        let event = LogEvent(
            level: .warning, message: "slow", metadata: nil, source: "", file: "", function: "", line: 0)
        let metadata: Logger.Metadata = ["b": "2", "a": "x y", "level": "mine"]
        let text = StandardErrorLog(label: "signalbox", format: .text, logLevel: .info)
        #expect(text.line(event, metadata, at: date) == "2023-11-14T22:13:20.500Z warning slow a=x y b=2 level=mine")
        let json = StandardErrorLog(label: "signalbox", format: .json, logLevel: .info)
        #expect(
            json.line(event, metadata, at: date)
                == #"{"_level":"mine","a":"x y","b":"2","level":"warning","logger":"signalbox","message":"slow","time":"2023-11-14T22:13:20.500Z"}"#
        )
    }
}

/// What `status` and `audit` show.
@Suite struct ObservabilityOutputTests {
    @Test func tables() throws {
        let status: JSONValue = [
            "replicaId": "11111111-2222-3333-4444-555555555555", "database": "up", "supervisor": "up",
            "schema": ["database": 5, "program": 4], "connections": ["inUse": 1, "idle": 2, "waiting": 0],
            "replicas": [
                [
                    "replicaId": "11111111-2222-3333-4444-555555555555", "host": "one", "epoch": 3, "isLive": true,
                    "heartbeatAgeSeconds": .number(2.25), "sessions": 12, "startedAt": "2026-01-02T03:04:05.678Z",
                ],
                [
                    "replicaId": "99999999-2222-3333-4444-555555555555", "host": "two", "epoch": 1, "isLive": false,
                    "heartbeatAgeSeconds": 90_000, "sessions": 0, "startedAt": "2026-01-01T03:04:05.678Z",
                ],
            ],
            "reconcilers": [
                ["kind": "prepare-version", "queued": 0, "held": 1, "retrying": 1, "oldestSeconds": .number(71.5)],
                ["kind": "settle-endpoint", "queued": 0, "held": 0, "retrying": 0, "oldestSeconds": 0],
            ],
            "work": [
                [
                    "kind": "prepare-version", "agentRuntimeId": "hello-aB3dE6gH9j", "part": "2", "attempts": 3, "ageSeconds": 4000,
                    "nextTrySeconds": .number(1.5), "lastError": "two\nlines \u{1b}[31mred",
                ]
            ], "problems": [],
        ]
        let events: [JSONValue] = [
            [
                "at": "2026-01-02T03:04:05.678Z", "actor": "AKIAEXAMPLE", "operation": "UpdateAgentRuntimeEndpoint", "outcome": "ok",
                "resource": "arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/hello-aB3dE6gH9j/runtime-endpoint/prod",
                "from": ["liveVersion": "1", "targetVersion": "1"], "to": ["liveVersion": "1", "targetVersion": "2"],
                "sourceAddress": "192.0.2.7",
            ],
            [
                "at": "2026-01-02T03:04:06.678Z", "actor": "signalbox", "operation": "EndpointFailed", "outcome": "failed",
                "resource": "arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/hello-aB3dE6gH9j/runtime-endpoint/prod",
                "from": ["liveVersion": "1"], "reason": "it broke",
            ],
            [
                "at": "2026-01-02T03:04:07.678Z", "actor": "AKIAEXAMPLE", "operation": "PutResourcePolicy", "outcome": "ok",
                "resource": "arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/hello-aB3dE6gH9j",
                "to": ["policy": .string(String(repeating: "x", count: 200))],
            ],
        ]
        let sessions: [JSONValue] = [
            [
                "agentRuntimeId": "hello-aB3dE6gH9j", "endpointName": "prod", "agentRuntimeVersion": "2",
                "startedAt": "2026-01-02T03:04:05.678Z", "lastActiveAt": "2026-01-02T03:05:05.678Z",
            ]
        ]
        let text =
            "# status\n\(StatusPage(status).text)\n\n# audit\n\(Table.auditEvents(events).text)\n\n# audit session\n"
            + Table.sessions(sessions).text + "\n"
        #expect(!text.contains("\u{1b}"))
        try Golden.expect(text, in: "observability.txt")
    }

    @Test func readiness() {
        let document: JSONValue = [
            "status": "not ready",
            "parts": [
                "supervisor": ["ready": true, "state": "up", "message": "The supervisor answers."],
                "database": ["ready": false, "state": "away", "message": "It\u{1b}[31m does not."],
            ],
        ]
        #expect(
            Table.readiness(document)?.text == """
                PART        READY  STATE  MESSAGE
                database    no     away   It [31m does not.
                supervisor  yes    up     The supervisor answers.
                """)
        for other: JSONValue? in [nil, ["parts": [:]], "ok"] { #expect(Table.readiness(other) == nil) }
    }

    @Test func times() {
        let now = Date(timeIntervalSince1970: 1_790_000_000)
        let expected = [
            "90s": "2026-09-21T14:11:50.000Z", "30m": "2026-09-21T13:43:20.000Z", "12h": "2026-09-21T02:13:20.000Z",
            "7d": "2026-09-14T14:13:20.000Z", "2026-09-20": "2026-09-20T00:00:00.000Z", "2026-09-20T01:02:03Z": "2026-09-20T01:02:03.000Z",
        ]
        for (text, time) in expected { #expect(TimeArgument(argument: text)?.time(now: now).description == time, "\(text)") }
        for text in ["", "s", "-1s", "7", "7w", "yesterday", "2026-13-01", "99999999999d", "1.5h"] {
            #expect(TimeArgument(argument: text) == nil, "\(text)")
        }
    }
}
