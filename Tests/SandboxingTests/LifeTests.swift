import Foundation
import Platform
import Testing

@testable import Sandboxing

extension SandboxingTests {
    @Suite(.serialized) struct Life {
        @Test func startServesAndStopLeavesNothing() async throws {
            try await Host.with { host in
                let status = try await host.run("one")
                #expect(status.state == .running)
                #expect(status.labels == ["kind": "session"])
                #expect(try await host.post("one", "hello") == "hello")
                #expect(try await host.client.list().map(\.id) == ["one"])
                let traces = try Traces(host, status)
                try await host.client.stop("one", grace: .seconds(60))
                #expect(traces.left == [])
                let exit = try #require(try await host.client.status("one")?.state.exit)
                #expect(exit.stopped)
                #expect(exit.signal == 15)
                #expect(exit.sentence == "stopped (SIGTERM)")
                #expect(try await host.client.logTail("one").contains("serving"))
                // Idempotent, and the log goes with `forget` alone.
                try await host.client.stop("one")
                try await host.client.stop("unknown")
                try await host.client.forget("one")
                #expect(try await host.client.status("one") == nil)
                #expect(!System.exists(host.home + "/sandboxes/one"))
                await #expect(throws: SignalboxError.self) { try await host.client.openSocket("one") }
            }
        }

        @Test func secondStartOfALivingIdReturnsItsStatus() async throws {
            try await Host.with { host in
                let first = try await host.run("same")
                let second = try await host.client.start(host.specification("same"))
                #expect(first.processID == second.processID)
                try await host.client.stop("same", grace: .zero)
                await #expect { try await host.client.start(host.specification("same")) } throws: {
                    ($0 as? SignalboxError)?.kind == .conflict
                }
            }
        }

        @Test func deafAgentIsKilledAfterTheGrace() async throws {
            try await Host.with { host in
                let traces = try Traces(host, await host.run("deaf", "ignore-sigterm"))
                let start = ContinuousClock.now
                // Two at once wait for the same end.
                async let other: Void = host.client.stop("deaf", grace: .seconds(60))
                try await host.client.stop("deaf", grace: .milliseconds(300))
                try await other
                let taken = ContinuousClock.now - start
                #expect(taken >= .milliseconds(290))
                #expect(taken < .seconds(50))
                #expect(traces.left == [])
                #expect(try await host.client.status("deaf")?.state.exit?.signal == 9)
            }
        }

        @Test func gracefulAgentLeavesByItself() async throws {
            try await Host.with { host in
                try await host.run("polite", "graceful")
                try await host.client.stop("polite", grace: .seconds(60))
                let exit = try await host.exit(of: "polite")
                #expect(exit.code == 0)
                #expect(exit.stopped)
                #expect(try await host.client.logTail("polite").hasSuffix("leaving\n"))
            }
        }

        @Test func childrenDieWithTheAgent() async throws {
            try await Host.with { host in
                let stopped = try Traces(host, await host.run("family", "forks"))
                #expect(stopped.processes.count >= 7)
                try await host.client.stop("family", grace: .milliseconds(200))
                #expect(stopped.left == [])
                // And when the agent alone leaves.
                let left = try Traces(host, await host.run("orphans", "forks"))
                _ = try? await host.post("orphans", "exit")
                #expect(try await host.exit(of: "orphans").code == 3)
                #expect(left.left == [])
            }
        }

        @Test func exitsAreToldInWords() async throws {
            try await Host.with { host in
                let events = host.client.events()
                _ = try await host.client.start(host.specification("seven", "exit-7"))
                let exit = try await host.exit(of: "seven")
                #expect(
                    exit == SandboxExit(code: 7, signal: nil, outOfMemory: false, stopped: false, sentence: "the agent exited with code 7"))
                _ = try await host.client.start(host.specification("crash", "segfault"))
                #expect(try await host.exit(of: "crash").sentence == "the agent was killed by SIGSEGV")
                var told: [SandboxEvent] = []
                for await event in events {
                    told.append(event)
                    if told.count == 2 { break }
                }
                #expect(told.first == .exited(id: "seven", exit))
            }
        }

        @Test func startThatCannotWorkSaysWhy() async throws {
            try await Host.with { host in
                var specification = host.specification("missing")
                specification.command = ["/nowhere/program"]
                _ = try await host.client.start(specification)
                #expect(try await host.exit(of: "missing").code == 1)
                #expect(try await host.client.logTail("missing").contains("No such file or directory"))

                for change: (inout SandboxSpecification) -> Void in [
                    { $0.id = "../x" }, { $0.id = "" }, { $0.command = [] }, { $0.bundle = "/nowhere" },
                    { $0.environment = ["A=B": "c"] }, { $0.environment = ["A": "b\0c"] }, { $0.limits.pids = 1 },
                    { $0.engine = "magic" },
                ] {
                    var wrong = host.specification("wrong")
                    change(&wrong)
                    await #expect(throws: SignalboxError.self) { try await host.client.start(wrong) }
                }
                #expect(try await host.client.list().map(\.id) == ["missing"])
            }
        }

        @Test func stopDuringStartLeavesNothing() async throws {
            try await Host.with { host in
                for round in 0..<10 {
                    let id = "race-\(round)"
                    async let starting = host.client.start(host.specification(id))
                    try await Task.sleep(for: .microseconds(round * 600))
                    try await host.client.stop(id, grace: .zero)
                    _ = try? await starting
                    // The start may have come after the stop.
                    try await host.client.stop(id, grace: .zero)
                    #expect(!System.exists("\(host.home)/sandboxes/\(id)/work"))
                }
                #expect(try await host.client.list().allSatisfy { $0.state.exit != nil })
            }
        }

        @Test func twentyStartAtOnce() async throws {
            try await Host.with { host in
                let start = ContinuousClock.now
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for number in 0..<20 { group.addTask { _ = try await host.run("many-\(number)") } }
                    try await group.waitForAll()
                }
                print("20 Python agents at once: \(ContinuousClock.now - start)")
                let pids = try await host.client.list().compactMap(\.processID)
                let owners = Set(pids.map { Ownership.of($0) })
                #expect(pids.count == 20)
                if geteuid() == 0 { #expect(owners.count == 20) }
                for number in 0..<20 { #expect(try await host.post("many-\(number)", "\(number)") == "\(number)") }
            }
        }
    }
}

enum Ownership {
    /// Host uid of a process.
    static func of(_ pid: Int32) -> UInt32 {
        let line = System.readText("/proc/\(pid)/status")?.split(separator: "\n").first { $0.hasPrefix("Uid:") }
        return line?.split(separator: "\t").dropFirst().first.flatMap { UInt32($0) } ?? .max
    }
}
