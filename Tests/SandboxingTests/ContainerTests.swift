import CLinux
import DockerClient
import Foundation
import Platform
import Testing

@testable import Sandboxing

/// What is asked of a container engine. That it does what it is asked is tested with real ones (Tests/Containers).
@Suite struct ContainerTests {
    private let id = "sha256:" + String(repeating: "a", count: 64)

    private func image(user: String? = nil, environment: [String] = []) throws -> Image {
        let json: [String: Any] = [
            "Id": id, "Architecture": "amd64", "Os": "linux", "Size": 1,
            "Config": ["User": user ?? "", "Env": environment] as [String: Any],
        ]
        return try JSONDecoder().decode(Image.self, from: JSONSerialization.data(withJSONObject: json))
    }

    private func creation(
        _ specification: SandboxSpecification? = nil, _ image: Image, isRootless: Bool = false, userID: UInt32? = 1_900_000_001
    ) throws -> [String: Any] {
        let specification =
            specification
            ?? SandboxSpecification(
                id: "s1", labels: ["runtime": "r"], engine: "docker", image: SandboxImage(id: id, source: nil), bundle: nil, command: [])
        let container = HardenedContainer(
            specification: specification, instance: "home", image: image, isRootless: isRootless, runtime: nil, work: "/w/work",
            resolverConfiguration: "/w/resolv.conf", userID: userID)
        let data = try JSONEncoder().encode(container.creation)
        return try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    }

    private func host(_ creation: [String: Any]) throws -> [String: Any] { try #require(creation["HostConfig"] as? [String: Any]) }

    @Test func nothingIsLeftOpen() throws {
        let creation = try creation(nil, image())
        let host = try host(creation)
        #expect(host["ReadonlyRootfs"] as? Bool == true)
        #expect(host["CapDrop"] as? [String] == ["ALL"])
        #expect(host["SecurityOpt"] as? [String] == ["no-new-privileges"])
        #expect(host["NetworkMode"] as? String == "none")
        #expect(host["Memory"] as? Int == 2 << 30)
        #expect(host["MemorySwap"] as? Int == 2 << 30)
        #expect(host["NanoCpus"] as? Int == 2_000_000_000)
        #expect(host["PidsLimit"] as? Int == 512)
        let limits = try #require(host["Ulimits"] as? [[String: Any]])
        #expect(Set(limits.compactMap { $0["Name"] as? String }) == ["nofile", "nproc"])
        #expect(host["Privileged"] == nil)
        // What is not said is the image's.
        #expect(creation["Cmd"] == nil && creation["Entrypoint"] == nil)
        let labels = try #require(creation["Labels"] as? [String: String])
        #expect(labels == ["signalbox.instance": "home", "signalbox.sandbox": "s1", "signalbox.runtime": "r"])
    }

    @Test func theUserIsTheImagesOrNobodyElses() throws {
        #expect(try creation(nil, image())["User"] as? String == "1900000001:1900000001")
        #expect(try creation(nil, image(), userID: nil)["User"] as? String == "65534:65534")
        #expect(try creation(nil, image(), isRootless: true)["User"] as? String == "65534:65534")
        for user in ["app", "0", "root:root"] { #expect(try creation(nil, image(user: user))["User"] == nil) }
    }

    @Test func homeIsWhereItCanWriteUnlessTheImageSays() throws {
        #expect(try creation(nil, image())["Env"] as? [String] == ["HOME=/mnt/work"])
        #expect(try creation(nil, image(environment: ["HOME=/srv", "X"]))["Env"] as? [String] == [])
    }

    @Test func withoutRootTheWorkDirectoryIsMemory() throws {
        let rooted = try host(creation(nil, image()))
        let targets = try #require(rooted["Mounts"] as? [[String: Any]]).compactMap { $0["Target"] as? String }
        #expect(targets == ["/etc/resolv.conf", "/mnt/work"])
        let rootless = try host(creation(nil, image(), isRootless: true))
        #expect(Set(try #require(rootless["Tmpfs"] as? [String: String]).keys) == ["/tmp", "/mnt/work"])
    }

    @Test func anArchiveInAnImage() throws {
        let specification = SandboxSpecification(
            id: "s1", engine: "docker", image: SandboxImage(id: id, source: nil), bundle: "/b", command: ["python", "main.py"],
            environment: ["PATH": "/p"])
        let creation = try creation(specification, image(environment: ["PATH=/usr/bin"]))
        #expect(creation["Cmd"] as? [String] == ["python", "main.py"])
        #expect(creation["Entrypoint"] as? [String] == [])
        #expect(creation["WorkingDir"] as? String == "/var/task")
        #expect((creation["Env"] as? [String])?.contains("PATH=/p") == true)
        let mounts = try #require(try host(creation)["Mounts"] as? [[String: Any]])
        #expect(mounts.contains { $0["Source"] as? String == "/b" && $0["ReadOnly"] as? Bool == true })
    }

    @Test(arguments: ["", "sha256:short", "python:3"])
    func anImageIsNamedByItsHash(_ id: String) {
        let specification = SandboxSpecification(
            id: "s", engine: "docker", image: SandboxImage(id: id, source: nil), bundle: nil, command: [])
        #expect(throws: (any Error).self) { try specification.check() }
    }

    /// A process that exits has no namespaces any more while its handle still says that it lives.
    @Test(.enabled(if: geteuid() == 0, "makes namespaces")) func anEndIsSeenBeforeTheHandleTells() async throws {
        func process(_ arguments: [String]) throws -> Process {
            let process = Process()
            process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
            process.standardError = FileHandle.nullDevice
            process.arguments = arguments
            try process.run()
            return process
        }
        func end(_ process: Process) {
            kill(process.processIdentifier, SIGKILL)
            process.waitUntilExit()
        }
        let outside = try process(["unshare", "--pid", "--fork", "--net", "sleep", "1000"])
        defer { end(outside) }
        func child(_ pid: Int32) -> Int32? {
            System.readText("/proc/\(pid)/task/\(pid)/children")?.split(separator: " ").first.flatMap { Int32($0) }
        }
        try await until("there is a first process") { child(outside.processIdentifier) != nil }
        let first = try #require(child(outside.processIdentifier))
        let handle = try #require(ProcessIdentity.of(first)?.open())
        // The first process can't be gone before this one's child is reaped, and this one is stopped.
        let visitor = try process(["nsenter", "--pid=/proc/\(first)/ns/pid", "sleep", "1000"])
        defer { end(visitor) }
        try await until("it has a visitor") { child(visitor.processIdentifier) != nil }
        kill(visitor.processIdentifier, SIGSTOP)
        try await until("the visitor is stopped") {
            System.readText("/proc/\(visitor.processIdentifier)/status")?.contains("State:\tT") == true
        }

        #expect(!ProcessIdentity.isEnding(first, handle))
        kill(first, SIGKILL)
        try await until("its end is seen") { ProcessIdentity.isEnding(first, handle) }
        #expect(clinux_pidfd_ended(handle.number) == 0)
        // Not killed: its child would be ours to reap.
        kill(visitor.processIdentifier, SIGCONT)
        try await until("it is over") { clinux_pidfd_ended(handle.number) == 1 }
        #expect(ProcessIdentity.isEnding(first, handle))
    }

    @Test func aBubblewrapSandboxFreezesAndGoesOn() async throws {
        try await Host.with { host in
            _ = try await host.client.start(host.specification("frozen", "good"))
            try await HealthProbe.waitUntilHealthy(supervisor: host.client, id: "frozen", timeout: .seconds(30))
            do {
                try await host.client.pause("frozen")
            } catch {
                // Without cgroups of version 2 it is said, not done by halves.
                #expect("\(error)".contains("can't freeze"))
                #expect(try await host.client.status("frozen")?.state == .running)
                return
            }
            #expect(try await host.client.status("frozen")?.state == .paused)
            await #expect(throws: (any Error).self) {
                try await HealthProbe.waitUntilHealthy(supervisor: host.client, id: "frozen", timeout: .milliseconds(500))
            }
            try await host.client.resume("frozen")
            try await HealthProbe.waitUntilHealthy(supervisor: host.client, id: "frozen", timeout: .seconds(30))
            // A frozen one ends like any other.
            try await host.client.pause("frozen")
            try await host.client.stop("frozen", grace: .seconds(5))
            #expect(try await host.client.status("frozen")?.state.exit?.stopped == true)
        }
    }
}
