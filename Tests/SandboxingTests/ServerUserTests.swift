import CLinux
import Foundation
import Platform
import Testing

@testable import Sandboxing

extension SandboxingTests {
    /// A supervisor that is root and a server that isn't: what the server can't get out of it.
    @Suite(.serialized, .enabled(if: geteuid() == 0, "needs another user"))
    struct ServerUser {
        private static let server: UInt32 = 65534

        @Test func bundlesBelongToTheServersUser() async throws {
            let change: (inout SupervisorConfiguration) -> Void = { $0.clientUserID = Self.server }
            try await Host.with(change) { host in
                var specification = host.specification("roots")
                let refused = await #expect(throws: SignalboxError.self) { try await host.client.start(specification) }
                #expect(refused?.message.contains("mounting its directories: Permission denied") == true, "\(String(describing: refused))")

                // A link of the server's own into a directory of root's is no way around.
                let link = host.home + "-link"
                defer { unlink(link) }
                #expect(symlink(Host.agents, link) == 0 && lchown(link, Self.server, Self.server) == 0)
                specification.id = "linked"
                specification.bundle = link
                await #expect(throws: SignalboxError.self) { try await host.client.start(specification) }

                let own = host.home + "-bundle"
                defer { System.removeTree(own) }
                try FileManager.default.copyItem(atPath: Host.agents, toPath: own)
                #expect(chown(own, Self.server, Self.server) == 0)
                specification.id = "own"
                specification.bundle = own
                _ = try await host.client.start(specification)
                try await HealthProbe.waitUntilHealthy(supervisor: host.client, id: "own", timeout: .seconds(60))
                #expect(try await host.post("own", "hello") == "hello")
                #expect(try await host.client.list().map(\.id) == ["own"], "nothing of the others is left")
            }
        }

        @Test func refusesDirectoriesThatTheServersUserMayChange() async throws {
            for change: (String) -> CInt in [{ chown($0, Self.server, Self.server) }, { chmod($0, 0o777) }] {
                let home = try Host.makeHome()
                defer { System.removeTree(home) }
                #expect(change(home) == 0)
                let inHome = Supervisor(configuration: .init(home: home, clientUserID: Self.server), logger: Host.quiet)
                let first = await #expect(throws: SignalboxError.self) { try await inHome.run() }
                #expect(first?.kind == .conflict && first?.message.hasPrefix(home) == true)

                let other = try Host.makeHome()
                defer { System.removeTree(other) }
                let beside = Supervisor(
                    configuration: .init(home: other, socket: home + "/s", clientUserID: Self.server), logger: Host.quiet)
                let second = await #expect(throws: SignalboxError.self) { try await beside.run() }
                #expect(second?.message.hasPrefix(home) == true)
            }
        }

        /// As in a container, or in a unit with ProtectKernelTunables=: the kernel lets no user namespace mount /proc there.
        @Test func worksWherePartsOfProcAreHidden() async throws {
            let hide = #"mount -t tmpfs none /proc/bus && mount -o bind,ro /proc/sys /proc/sys && exec "$@""#
            try await Host.withProcess(prefix: ["/usr/bin/unshare", "--mount", "/bin/sh", "-euc", hide, "sh"]) { host, _ in
                try await host.run("hidden")
                #expect(try await host.post("hidden", "hello") == "hello")
                let (exit, output) = try await host.python("proc", "import os; print(os.listdir('/proc/sys') != [], os.getpid())")
                #expect(exit.code == 0 && output == "True 2\n", "\(output)")
            }
        }
    }

    @Test func delegationNeedsItsMark() throws {
        let mount = try Host.makeHome()
        defer { System.removeTree(mount) }
        try System.makeDirectory(mount + "/unit")
        #expect(Cgroups.delegated(on: mount, own: "1:name=systemd:/x\n0::/unit\n") == nil, "not marked")
        #expect(!System.exists(mount + "/unit/supervisor"))
        #expect(Cgroups.delegated(on: mount, own: "0::/\n") == nil)
        #expect(Cgroups.delegated(on: mount, own: "") == nil)
    }
}
