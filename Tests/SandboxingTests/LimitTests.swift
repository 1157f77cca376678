import Foundation
import Testing

@testable import Sandboxing

extension SandboxingTests {
    @Suite(.serialized) struct Limits {
        static let enforced = Cgroups(instance: "test-of-limits").warning == nil

        @Test(.enabled(if: enforced, "cgroups are not writable here")) func memory() async throws {
            try await Host.with { host in
                let traces = try await host.client.start(host.specification("eats", "eats", limits: SandboxLimits(memoryBytes: 64 << 20)))
                #expect(traces.warning == nil)
                let exit = try await host.exit(of: "eats")
                #expect(exit.outOfMemory)
                #expect(exit.sentence == "killed: out of memory (limit 64 MiB)")
                // /tmp counts as memory, and has a size.
                let fill =
                    "f = open('/tmp/x', 'wb')\ntry:\n  for i in range(64): f.write(b'x' * (1 << 20)); f.flush()\nexcept OSError as e: print(i, e.errno)"
                let (_, log) = try await host.python("fill", fill, limits: SandboxLimits(memoryBytes: 256 << 20, temporaryBytes: 16 << 20))
                #expect(log == "16 28\n", "\(log)")
            }
        }

        @Test(.enabled(if: enforced, "cgroups are not writable here")) func processorTime() async throws {
            try await Host.with { host in
                let script =
                    "import time\ns = time.time(); c = time.process_time()\nwhile time.time() - s < 1.5: pass\nprint((time.process_time() - c) / (time.time() - s))"
                let (_, log) = try await host.python("half", script, limits: SandboxLimits(memoryBytes: 128 << 20, cpus: 0.25))
                let share = try #require(Double(log.filter { $0 != "\n" }))
                #expect(share < 0.4, "\(share)")
            }
        }

        @Test(.enabled(if: enforced, "cgroups are not writable here")) func processes() async throws {
            try await Host.with { host in
                let script =
                    "import os, time\nn = 0\ntry:\n  while n < 100:\n    if os.fork() == 0: time.sleep(100)\n    n += 1\nexcept OSError as e: print(n, e.errno)"
                let (exit, log) = try await host.python("bomb", script, limits: SandboxLimits(memoryBytes: 128 << 20, pids: 20))
                // Two belong to bubblewrap, one is the script.
                #expect(log == "17 11\n", "\(log)")
                #expect(exit.code == 0)
            }
        }

        @Test func logFloodNeitherFillsTheDiskNorStallsTheAgent() async throws {
            try await Host.with { host in
                let limits = SandboxLimits(memoryBytes: 256 << 20, logBytes: 1 << 20)
                try await host.run("flood", "flood", limits: limits)
                let directory = host.home + "/sandboxes/flood"
                func size(_ path: String) -> Int { System.read(path)?.count ?? 0 }
                let tail = try await until("the flood is over") {
                    let tail = try await host.client.logTail("flood", bytes: 2000)
                    return tail.contains("serving") ? tail : nil
                }
                #expect(size(LogFile.current(directory)) + size(LogFile.previous(directory)) <= 1 << 20)
                #expect(tail.contains("flooded in"))
                #expect(try await host.post("flood", "alive") == "alive")
                // 64 MiB came; 8 MiB a second and a burst of as much are written.
                let all = LogFile.tail(directory, bytes: 2 << 20)
                print("flood: \(tail.split(separator: "\n").first { $0.hasPrefix("flooded") } ?? ""), kept \(all.utf8.count)")
            }
        }

        @Test func logRotationKeepsTheEnd() throws {
            let home = try Host.makeHome()
            defer { System.removeTree(home) }
            var file = LogFile(directory: home, limit: 16384)
            for number in 0..<5000 { file.write(Array("line \(number)\n".utf8)[...]) }
            let tail = LogFile.tail(home, bytes: 16384)
            #expect(tail.hasSuffix("line 4999\n"))
            #expect(tail.utf8.count >= 8192 - 16)
            #expect(tail.utf8.count <= 16384)
            #expect(LogFile.tail(home, bytes: 10) == "line 4999\n")
        }
    }
}
