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
            // SIGTERM is blocked on these threads, and so in their children.
            defer {
                for process in [left, stranger, inCgroup] where process.isRunning {
                    kill(process.processIdentifier, SIGKILL)
                    process.waitUntilExit()
                }
            }
            let instance = "reaper-" + Identifier.alphanumeric(8)
            let cgroups = Cgroups(instance: instance)
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
            // A start that was cut short: in no file, in no cgroup.
            let thread = BlockingThread(name: "spawner")
            func spawn(_ name: String) async throws -> ProcessIdentity {
                let pid = try await thread.run {
                    let null = try System.open("/dev/null", O_RDWR)
                    return try Spawning(program: "/bin/sleep", command: [name, "1000"], output: null.number, input: null.number).start()
                }
                return try #require(ProcessIdentity.of(pid))
            }
            let cutShort = try await spawn(Orphans.marker(instance: instance, id: "cut-short"))
            let otherHome = try await spawn(Orphans.marker(instance: "other", id: "cut-short"))
            let sameWord = try await spawn("sleep " + Orphans.marker(instance: instance, id: "cut-short"))
            let result = await BlockingThread(name: "reaper").run {
                Reaper(sandboxes: home, instance: instance, cgroups: cgroups, logger: Host.quiet).reap()
            }
            #expect(cutShort.open() == nil)
            #expect(otherHome.open() != nil)
            #expect(sameWord.open() != nil)
            for process in [cutShort, otherHome, sameWord] {
                kill(process.pid, SIGKILL)
                #expect(waitpid(process.pid, nil, 0) == process.pid)
            }
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

        /// promises.md, row 11: sandboxes outlive the server that started them and the supervisor, too.
        @Test func killedServerLeavesItsSandboxesToTheNext() async throws {
            let home = try Host.makeHome()
            defer { System.removeTree(home) }
            let host = Host(home: home)
            var specification = host.specification("session")
            specification.labels = ["session": "42"]
            let text = String(decoding: try JSONEncoder().encode(specification), as: UTF8.self)
            let server = SupervisorProcess(home: home, command: ["serve", "--home", home, text])
            try server.start()
            try await until("the server serves") { System.exists(home + "/serving") }
            server.killGroup()

            let linking = Task { await host.client.run() }
            try await until("the supervisor answers") { await host.client.answers() }
            let found = try await host.client.list()
            #expect(found.map(\.id) == ["session"])
            #expect(found.first?.state == .running)
            #expect(found.first?.labels == ["session": "42"])
            #expect(try await host.post("session", "still here") == "still here")
            let traces = try Traces(host, #require(found.first))
            // The next server finds the supervisor that runs.
            let path = try await SupervisorLauncher.ensureRunning(executable: "/nowhere/signalbox", home: home, logger: Host.quiet)
            #expect(path == home + "/supervisor.sock")
            try await host.client.shutdown()
            #expect(traces.left == [])
            linking.cancel()
            await linking.value
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
            // In a process of its own: other suites open and close things in this one.
            try await Host.withProcess { host, process in
                let supervisor = try #require(process.identity?.pid)
                func descriptors() -> Int { System.names(in: "/proc/\(supervisor)/fd").count }
                try await host.run("warm")
                try await host.client.stop("warm", grace: .zero)
                let before = descriptors()
                for round in 0..<20 {
                    try await host.run("r\(round)")
                    for _ in 0..<5 { Descriptor(try await host.client.openSocket("r\(round)")).close() }
                    try await host.client.stop("r\(round)", grace: .zero)
                    try await host.client.forget("r\(round)")
                }
                try await until("descriptors are as before") { descriptors() <= before }
                try await until("every child is reaped") { Self.zombies(of: supervisor).isEmpty }
            }
        }

        /// Children of a process that wait to be reaped.
        private static func zombies(of parent: Int32) -> Set<Int32> {
            Set(
                System.names(in: "/proc").compactMap { Int32($0) }.filter { pid in
                    guard let stat = System.readText("/proc/\(pid)/stat"), let end = stat.lastIndex(of: ")") else { return false }
                    let fields = stat[stat.index(after: end)...].split(separator: " ")
                    return fields.count > 1 && fields[0] == "Z" && fields[1] == "\(parent)"
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
            // Nobody who lost the race takes the place of the one that left.
            try await until("no supervisor is left") { SupervisorProcess.count(of: home) == 0 }
            await #expect(throws: (any Error).self) {
                try await SupervisorLauncher.ensureRunning(executable: "/nowhere/signalbox", home: home, logger: Host.quiet)
            }
        }

        /// As in a container that shows control groups read-only, or not at all.
        @Test(.enabled(if: geteuid() == 0, "needs mounts")) func worksWithoutControlGroups() async throws {
            let script = #"for m in $(awk '$3 ~ /^cgroup/ {print $2}' /proc/mounts | sort -r); do umount -l $m; done; exec "$@""#
            try await Host.withProcess(prefix: ["/usr/bin/unshare", "--mount", "/bin/sh", "-c", script, "sh"]) { host, process in
                let status = try await host.run("plain", "forks", limits: SandboxLimits(memoryBytes: 1 << 30))
                #expect(
                    status.warning
                        == "the supervisor may not write cgroups for memory, cpu, pids: these limits are not fully enforced")
                let traces = try Traces(host, status)
                try await host.client.stop("plain", grace: .milliseconds(100))
                #expect(traces.left == [])
                // Two belong to bubblewrap, one is the script.
                let bomb =
                    "import os, time\nn = 0\ntry:\n  while n < 100:\n    if os.fork() == 0: time.sleep(100)\n    n += 1\nexcept OSError as e: print(n, e.errno)"
                let (_, log) = try await host.python("bomb", bomb, limits: SandboxLimits(memoryBytes: 1 << 30, pids: 20))
                #expect(log == "17 11\n", "\(log)")
                let (exit, memory) = try await host.python(
                    "eats", "x = bytearray(512 << 20)", limits: SandboxLimits(memoryBytes: 128 << 20))
                #expect(exit.code == 1 && memory.contains("MemoryError"), "\(memory)")

                let left = try Traces(host, await host.run("left", "forks", limits: SandboxLimits(memoryBytes: 1 << 30)))
                process.kill()
                try process.start()
                try await until("the next supervisor listens") { await host.client.answers() }
                #expect(left.left == [])
                #expect(try await host.client.status("left")?.state == .exited(.reaped))
            }
        }

        /// Killed at any moment of a start, with and without control groups, the supervisor's next one finds everything.
        @Test(.enabled(if: geteuid() == 0, "needs mounts"), arguments: [true, false])
        func killedAmidStartsLeavesNothing(withGroups: Bool) async throws {
            let script = #"for m in $(awk '$3 ~ /^cgroup/ {print $2}' /proc/mounts | sort -r); do umount -l $m; done; exec "$@""#
            let prefix = withGroups ? [] : ["/usr/bin/unshare", "--mount", "/bin/sh", "-c", script, "sh"]
            try await Host.withProcess(prefix: prefix) { host, process in
                let instance = try #require(System.readText(host.home + "/sandboxes/.instance"))
                for round in 0..<15 {
                    let starts = (0..<4).map { number in
                        Task { try? await host.client.start(host.specification("r\(round)-\(number)", "forks")) }
                    }
                    try await until("a start has begun") { System.exists("\(host.home)/sandboxes/r\(round)-0") }
                    usleep(UInt32(round * 1000))
                    process.kill()
                    for start in starts { _ = await start.value }
                    try process.start()
                    try await until("the next supervisor listens") { await host.client.answers() }
                    #expect(Self.named(Orphans.marker(instance: instance, id: nil)) == [], "round \(round)")
                }
                let list = try await host.client.list()
                #expect(list.allSatisfy { $0.state == .exited(.reaped) }, "\(list)")
            }
        }

        /// Processes, no zombies, whose command line begins with this.
        private static func named(_ marker: String) -> [Int32] {
            System.names(in: "/proc").compactMap { Int32($0) }.filter { System.readText("/proc/\($0)/cmdline")?.hasPrefix(marker) == true }
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
