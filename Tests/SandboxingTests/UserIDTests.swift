import CLinux
import Foundation
import Platform
import Testing

@testable import Sandboxing

extension SandboxingTests {
    /// A uid stands for one sandbox, and for nothing that is left of another.
    @Suite(.serialized, .enabled(if: geteuid() == 0, "needs uids of others")) struct UserIDTests {
        static let range: Range<UInt32> = 1_900_900_000..<1_900_900_003

        @Test func livingProcessesKeepTheirs() async throws {
            let home = try Host.makeHome()
            defer { System.removeTree(home) }
            let users = try UserIDs(range: Self.range, runtimeDirectory: home)
            // As a supervisor that was killed leaves one: no lock stands for it.
            let thread = BlockingThread(name: "spawner")
            let pid = try await thread.run {
                let null = try System.open("/dev/null", O_RDWR)
                var sleep = Spawning(program: "/bin/sleep", command: ["sleep", "1000"], output: null.number, input: null.number)
                sleep.userID = Self.range.lowerBound + 1
                return try sleep.start()
            }
            var taken: Set<UInt32> = []
            for _ in 0..<2 { taken.insert(try users.take()) }
            #expect(taken == [Self.range.lowerBound, Self.range.lowerBound + 2])
            #expect(throws: SystemFailure.self) { try users.take() }
            kill(pid, SIGKILL)
            #expect(waitpid(pid, nil, 0) == pid)
            #expect(try users.take() == Self.range.lowerBound + 1)
        }

        @Test func supervisorsOfOneHostShareThem() throws {
            let directory = try Host.makeHome()
            defer { System.removeTree(directory) }
            let first = try UserIDs(range: Self.range, runtimeDirectory: directory)
            let second = try UserIDs(range: Self.range, runtimeDirectory: directory)
            let taken = [try first.take(), try second.take(), try first.take()]
            #expect(Set(taken) == Set(Self.range))
            #expect(throws: SystemFailure.self) { try second.take() }
            first.giveBack(taken[0])
            second.hold(taken[0])
            #expect(throws: SystemFailure.self) { try first.take() }
        }

        /// What can't be removed now belongs to that uid still, also for the next supervisor.
        @Test func undeletableFilesKeepTheirs() async throws {
            let home = try Host.makeHome()
            defer { System.removeTree(home) }
            let configuration = SupervisorConfiguration(home: home, userIDs: Self.range, shutdownGrace: .milliseconds(200))
            func with(_ body: (Host) async throws -> Void) async throws {
                let supervisor = Supervisor(configuration: configuration, logger: Host.quiet)
                let serving = Task { try await supervisor.run() }
                let host = Host(home: home)
                try await until("the supervisor listens") { await host.client.answers() }
                do { try await body(host) } catch {
                    supervisor.shutdown()
                    throw error
                }
                supervisor.shutdown()
                try await serving.value
            }
            func usedUp(_ host: Host) async throws -> Int {
                for number in 0..<5 {
                    do {
                        _ = try await host.client.start(host.specification(Identifier.alphanumeric(10)))
                    } catch { return number }
                }
                return 5
            }
            let stuck = home + "/sandboxes/stuck/work/stuck"
            try await with { host in
                try await host.run("stuck")
                // A mount point can't be removed.
                try System.makeDirectory(stuck)
                #expect(mount("none", stuck, "tmpfs", 0, nil) == 0)
                try await host.client.stop("stuck", grace: .zero)
                #expect(try await usedUp(host) == 2)
            }
            try await with { (host) throws in #expect(try await usedUp(host) == 2) }
            #expect(umount(stuck) == 0)
            try await with { (host) throws in #expect(try await usedUp(host) == 3) }
        }
    }
}
