import CLinux
import Foundation
import Platform
import Testing

@testable import Sandboxing

extension SandboxingTests {
    /// promises.md, row 11, and what else a supervisor must survive.
    @Suite(.serialized) struct Supervision {
        @Test func killedSupervisorTakesItsSandboxesAndTheNextReaps() async throws {
            try await Host.withProcess { host, process in
                var all: [Traces] = []
                for number in 0..<3 { all.append(try Traces(host, await host.run("s\(number)", number == 0 ? "forks" : "plain"))) }
                let events = host.client.events()
                process.kill()
                try process.start()
                var told: [SandboxEvent] = []
                for await event in events {
                    told.append(event)
                    if told.count == 2 { break }
                }
                #expect(told == [.lost, .reconnected])
                for traces in all { try await until("nothing is left") { traces.left.isEmpty } }
                let list = try await host.client.list()
                #expect(list.map(\.id) == ["s0", "s1", "s2"])
                #expect(list.allSatisfy { $0.state == .exited(.reaped) })
                #expect(list.allSatisfy { $0.labels == ["kind": "session"] })
                #expect(try await host.client.logTail("s1").contains("serving"))
                // And it works on.
                try await host.run("fresh")
            }
        }

        @Test func reaperEndsWhatDidNotDieAndNeverARecycledNumber() async throws {
            let home = try Host.makeHome()
            defer { System.removeTree(home) }
            func sleeper() throws -> Process {
                let process = Process()
                process.executableURL = URL(fileURLWithPath: "/bin/sleep")
                process.arguments = ["1000"]
                try process.run()
                return process
            }
            let left = try sleeper()
            let stranger = try sleeper()
            let inCgroup = try sleeper()
            defer { for process in [left, stranger, inCgroup] where process.isRunning { process.terminate() } }
            let cgroups = Cgroups(instance: "reaper-" + Identifier.alphanumeric(8))
            defer { cgroups.close() }
            func leave(_ id: String, _ identity: ProcessIdentity?, boot: String = ProcessIdentity.boot()) throws {
                let directory = "\(home)/\(id)"
                try System.makeDirectory(directory)
                try System.makeDirectory(directory + "/work")
                try StateFile(id: id, labels: [:], limits: SandboxLimits(), startedAt: Date(), boot: boot, first: identity).write(directory)
            }
            let other = try #require(ProcessIdentity.of(stranger.processIdentifier))
            try leave("left", ProcessIdentity.of(left.processIdentifier))
            // The number is another process's by now: same number, other start.
            try leave("recycled", ProcessIdentity(pid: other.pid, startTicks: other.startTicks - 1))
            // Before the last boot, even everything may agree by chance.
            try leave("reboot", other, boot: "earlier")
            try System.makeDirectory(home + "/half-made")
            if !cgroups.hierarchies.isEmpty {
                _ = try cgroups.make("lost", limits: SandboxLimits())
                for hierarchy in cgroups.hierarchies {
                    try System.put("\(inCgroup.processIdentifier)", into: hierarchy.path + "/lost/cgroup.procs")
                }
            }
            let result = Reaper(sandboxes: home, cgroups: cgroups, logger: Host.quiet).reap()
            #expect(Set(result.map(\.file.id)) == ["left", "recycled", "reboot"])
            left.waitUntilExit()
            #expect(left.terminationReason == .uncaughtSignal)
            #expect(stranger.isRunning)
            if !cgroups.hierarchies.isEmpty {
                inCgroup.waitUntilExit()
                #expect(cgroups.leftovers().isEmpty)
            }
            #expect(!System.exists(home + "/half-made"))
            #expect(!System.exists(home + "/left/work"))
        }

        @Test func secondSupervisorOfAHomeIsRefused() async throws {
            try await Host.with { host in
                let second = Supervisor(configuration: SupervisorConfiguration(home: host.home), logger: Host.quiet)
                await #expect { try await second.run() } throws: { ($0 as? SignalboxError)?.kind == .conflict }
                #expect(await host.client.answers())
            }
        }

        @Test func sigtermAndShutdownStopEverything() async throws {
            try await Host.withProcess { host, process in
                let traces = try Traces(host, await host.run("one", "ignore-sigterm"))
                process.signal(SIGTERM)
                try await until("the supervisor leaves") { process.identity?.open() == nil }
                #expect(traces.left == [])
                #expect(!System.exists(host.home + "/supervisor.sock"))
                try process.start()
                let second = try Traces(host, await host.run("two"))
                try await host.client.shutdown()
                #expect(second.left == [])
                try await until("the supervisor leaves") { process.identity?.open() == nil }
                await #expect { try await host.client.list() } throws: {
                    if case .unavailable = ($0 as? SignalboxError)?.kind { true } else { false }
                }
            }
        }

        @Test func garbageAndDyingClientsDoNoHarm() async throws {
            try await Host.with { host in
                try await host.run("calm")
                let path = SupervisorConfiguration.socketPath(home: host.home)
                var generator = SystemRandomNumberGenerator()
                for round in 0..<200 {
                    let socket = Descriptor(clinux_unix_connect(path))
                    #expect(socket.number >= 0)
                    var bytes = (0..<Int.random(in: 0..<300)).map { _ in UInt8.random(in: 0...255, using: &generator) }
                    switch round % 5 {
                    case 0: break
                    case 1: bytes = [0, 0, 0, UInt8(min(255, bytes.count))] + bytes
                    case 2: bytes = [0xff, 0xff, 0xff, 0xff]
                    case 3: bytes = Self.frame(#"{"number":1,"verb":"openSocket","id":"calm","port":8080}"#)
                    default: bytes = Array(Self.frame(#"{"number":1,"verb":"logTail","id":"calm"}"#).dropLast(round % 20))
                    }
                    var passed = socket.number
                    _ = bytes.withUnsafeBytes {
                        clinux_send_descriptors(socket.number, $0.baseAddress, $0.count, &passed, round % 3 == 0 ? 1 : 0)
                    }
                    socket.close()
                }
                // An unknown verb gets an answer.
                let socket = Descriptor(clinux_unix_connect(path))
                let question = Self.frame(#"{"number":9,"verb":"dance"}"#)
                _ = question.withUnsafeBytes { clinux_send_descriptors(socket.number, $0.baseAddress, $0.count, nil, 0) }
                let answer = try await until("the answer") {
                    var chunk = [UInt8](repeating: 0, count: 1000)
                    let count = recv(socket.number, &chunk, chunk.count, 0)
                    return count > 4 ? String(decoding: chunk[4..<count], as: UTF8.self) : nil
                }
                #expect(answer.contains(#""number":9"#) && answer.contains("does not understand"))
                #expect(try await host.post("calm", "x") == "x")
            }
        }

        @Test func descriptorsAndProcessesStayFlat() async throws {
            try await Host.with { host in
                func descriptors() -> Int { System.names(in: "/proc/self/fd").count }
                try await host.run("warm")
                try await host.client.stop("warm", grace: .zero)
                let before = descriptors()
                let zombiesBefore = Self.zombies()
                for round in 0..<20 {
                    try await host.run("r\(round)")
                    for _ in 0..<5 { Descriptor(try await host.client.openSocket("r\(round)")).close() }
                    try await host.client.stop("r\(round)", grace: .zero)
                    try await host.client.forget("r\(round)")
                }
                try await until("descriptors are as before") { descriptors() <= before }
                #expect(Self.zombies().subtracting(zombiesBefore) == [])
            }
        }

        /// Children of this process that wait to be reaped.
        private static func zombies() -> Set<Int32> {
            Set(
                System.names(in: "/proc").compactMap { Int32($0) }.filter { pid in
                    guard let stat = System.readText("/proc/\(pid)/stat"), let end = stat.lastIndex(of: ")") else { return false }
                    let fields = stat[stat.index(after: end)...].split(separator: " ")
                    return fields.count > 1 && fields[0] == "Z" && fields[1] == "\(getpid())"
                })
        }

        @Test func exitedSandboxesAreBounded() async throws {
            let keepThree: (inout SupervisorConfiguration) -> Void = { $0.exitedKept = 3 }
            try await Host.with(keepThree) { host in
                for number in 0..<6 { _ = try await host.command("e\(number)", ["/bin/true"]) }
                try await until("the oldest are forgotten") { try await host.client.list().map(\.id) == ["e3", "e4", "e5"] }
            }
        }

        @Test func launcherStartsOneForAllAndDetached() async throws {
            let home = try Host.makeHome()
            defer { System.removeTree(home) }
            let paths = try await withThrowingTaskGroup(of: String.self) { group in
                for _ in 0..<3 {
                    group.addTask {
                        try await SupervisorLauncher.ensureRunning(executable: SupervisorProcess.executable, home: home, logger: Host.quiet)
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(Set(paths) == [home + "/supervisor.sock"])
            let socket = Descriptor(clinux_unix_connect(paths[0]))
            var uid: UInt32 = 0
            var pid: Int32 = 0
            #expect(clinux_peer(socket.number, &uid, &pid) == 0)
            socket.close()
            #expect(getsid(pid) != getsid(0))
            let client = SupervisorClient(socketPath: paths[0], logger: Host.quiet)
            try await client.shutdown()
            // At once the next one can be had, though the first may still be leaving.
            let again = try await SupervisorLauncher.ensureRunning(executable: SupervisorProcess.executable, home: home, logger: Host.quiet)
            let next = SupervisorClient(socketPath: again, logger: Host.quiet)
            #expect(await next.answers())
            try await next.shutdown()
            await #expect(throws: (any Error).self) {
                try await SupervisorLauncher.ensureRunning(executable: "/nowhere/signalbox", home: home, logger: Host.quiet)
            }
        }

        @Test(.enabled(if: geteuid() == 0, "already without privilege")) func worksWithoutPrivilege() async throws {
            let home = try Host.makeHome()
            #expect(chown(home, 65534, 65534) == 0)
            // In a pid namespace of /proc's own the executable must be reachable: it stands in the build directory.
            try await Host.withProcess(prefix: ["/usr/bin/setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"], home: home) {
                host, process in
                let status = try await host.run("plain-user", limits: SandboxLimits(memoryBytes: 1 << 30))
                #expect(status.warning?.contains("memory") == true)
                #expect(status.processID.map(Ownership.of) == 65534)
                let traces = try Traces(host, status)
                #expect(try await host.post("plain-user", "hello") == "hello")
                try await host.client.stop("plain-user", grace: .seconds(5))
                #expect(traces.left == [])
                #expect(try await host.client.interpreters().isEmpty == false)
                let second = try Traces(host, await host.run("second", "forks", limits: SandboxLimits(memoryBytes: 1 << 30)))
                process.kill()
                try await until("nothing runs") { second.processes.isEmpty }
            }
        }

        private static func frame(_ text: String) -> [UInt8] { [0, 0, 0, UInt8(text.utf8.count)] + Array(text.utf8) }
    }
}
