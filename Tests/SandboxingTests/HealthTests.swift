import Foundation
import Platform
import Testing

@testable import Sandboxing

extension SandboxingTests {
    /// promises.md, row 10: the parts that concern processes and readiness.
    @Suite(.serialized) struct Health {
        func failure(
            _ host: Host, _ id: String, timeout: Duration = .milliseconds(400), path: String? = "/ping"
        ) async throws -> SignalboxError {
            do {
                try await HealthProbe.waitUntilHealthy(supervisor: host.client, id: id, path: path, timeout: timeout)
            } catch let error as SignalboxError {
                return error
            }
            throw TimedOut(what: "\(id) is refused")
        }

        @Test func lateAgentIsAwaited() async throws {
            try await Host.with { host in try await host.run("late", "late") }
        }

        @Test func exitIsToldAtOnce() async throws {
            try await Host.with { host in
                _ = try await host.client.start(host.specification("gone", "exit-7"))
                let start = ContinuousClock.now
                let error = try await failure(host, "gone", timeout: .seconds(60))
                #expect(ContinuousClock.now - start < .seconds(50))
                #expect(error.kind == .agentFailed)
                #expect(error.message == "the agent exited with code 7; last lines of its log: about to leave")
            }
        }

        @Test func agentsThatNeverBecomeHealthy() async throws {
            try await Host.with { host in
                _ = try await host.client.start(host.specification("silent", "silent"))
                let silence = try await failure(host, "silent").message
                // How far the last attempt came depends on how fast the host is.
                #expect(silence.hasPrefix("the agent did not answer GET /ping on port 8080 within 0.4 s"), "\(silence)")
                #expect(
                    try await failure(host, "silent", path: nil).message
                        == "the agent did not accept a connection on port 8080 within 0.4 s")
                _ = try await host.client.start(host.specification("sick", "ping-500"))
                try await HealthProbe.waitUntilHealthy(supervisor: host.client, id: "sick", path: nil, timeout: .seconds(30))
                try await until("the status is told") {
                    // What else is in its log depends on when the attempts before gave up.
                    try await failure(host, "sick", timeout: .seconds(2)).message.hasPrefix(
                        "the agent did not answer GET /ping on port 8080 within 2 s (GET /ping answered 500); last lines of its log: ")
                }
                _ = try await host.client.start(host.specification("hang", "hang"))
                // Accepting is enough where there is no path.
                try await HealthProbe.waitUntilHealthy(supervisor: host.client, id: "hang", path: nil, timeout: .seconds(30))
                try await until("the silence is told") {
                    try await failure(host, "hang", timeout: .seconds(1)).message
                        == "the agent did not answer GET /ping on port 8080 within 1 s (it accepted the connection but did not answer)"
                }
                #expect(try await failure(host, "nobody").kind == .notFound)
                for id in ["silent", "sick", "hang"] {
                    let traces = try Traces(host, #require(try await host.client.status(id)))
                    try await host.client.stop(id, grace: .milliseconds(100))
                    #expect(traces.left == [])
                }
            }
        }

        @Test func stoppedWhileAwaited() async throws {
            try await Host.with { host in
                _ = try await host.client.start(host.specification("silent", "silent"))
                async let waiting = failure(host, "silent", timeout: .seconds(60))
                try await host.client.stop("silent", grace: .milliseconds(100))
                #expect(try await waiting.message.hasPrefix("stopped"))
            }
        }

        @Test func interpretersAreFoundByRunningThem() async throws {
            try await Host.with { host in
                let found = try await host.client.interpreters()
                #expect(found.values.contains { System.linkTarget(Host.python).map($0.hasSuffix) == true }, "\(found)")
                for (name, path) in found { #expect(name.hasPrefix("PYTHON_3_") && path.hasPrefix("/usr/")) }
                #expect(try await host.client.interpreters() == found)
                #expect(try await host.client.list().isEmpty)
                #expect(System.names(in: host.home + "/sandboxes").allSatisfy { $0.hasPrefix(".") })
            }
        }
    }
}
