import CLinux
import Foundation
import Logging
import Platform
import Testing

@testable import Sandboxing

/// All suites of this room, one test after the other: they share two processors and measure limits.
@Suite(.serialized, .enabled(if: Host.canRun, "the kernel or container refuses bubblewrap's namespaces"))
struct SandboxingTests {}

/// A supervisor of its own home with a client, cleaned up afterwards.
final class Host: Sendable {
    static let agents = Bundle.module.resourcePath.map { $0 + "/Agents" } ?? ""
    static let python = "/usr/bin/python3"

    /// Whether bubblewrap works here at all.
    static let canRun: Bool = {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/bwrap")
        process.arguments = ["--unshare-all", "--ro-bind", "/", "/", "true"]
        guard (try? process.run()) != nil else { return false }
        process.waitUntilExit()
        return process.terminationStatus == 0
    }()

    let home: String
    let client: SupervisorClient

    init(home: String) {
        self.home = home
        client = SupervisorClient(socketPath: SupervisorConfiguration.socketPath(home: home), logger: Self.quiet)
    }

    static let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    static func makeHome() throws -> String {
        let home = "/tmp/signalbox-test-" + Identifier.alphanumeric(8)
        try System.makeDirectory(home)
        return home
    }

    /// A supervisor in this process.
    static func with(
        _ change: (inout SupervisorConfiguration) -> Void = { _ in }, _ body: (Host) async throws -> Void
    ) async throws {
        let home = try makeHome()
        defer { System.removeTree(home) }
        var configuration = SupervisorConfiguration(
            home: home, shutdownGrace: .milliseconds(200), wayOut: WayOutConfiguration(isOn: false))
        change(&configuration)
        let supervisor = Supervisor(configuration: configuration, logger: quiet)
        let serving = Task { try await supervisor.run() }
        let host = Host(home: home)
        let linking = Task { await host.client.run() }
        let result: Result<Void, any Error>
        do {
            try await until("the supervisor listens") { await host.client.answers() }
            result = .success(try await body(host))
        } catch {
            result = .failure(error)
        }
        supervisor.shutdown()
        try await serving.value
        linking.cancel()
        await linking.value
        try result.get()
    }

    /// A supervisor in a process of its own, which the body may kill and start again.
    static func withProcess(
        prefix: [String] = [], home: String? = nil, options: [String] = [], _ body: (Host, SupervisorProcess) async throws -> Void
    ) async throws {
        let home = try home ?? makeHome()
        defer { System.removeTree(home) }
        let process = SupervisorProcess(home: home, prefix: prefix, options: options)
        try process.start()
        let host = Host(home: home)
        let linking = Task { await host.client.run() }
        let result: Result<Void, any Error>
        do {
            try await until("the supervisor listens") { await host.client.answers() }
            result = .success(try await body(host, process))
        } catch {
            result = .failure(error)
        }
        linking.cancel()
        await linking.value
        process.terminate()
        try result.get()
    }

    func specification(
        _ id: String, _ mode: String = "plain", limits: SandboxLimits = SandboxLimits(memoryBytes: 256 << 20, cpus: 2)
    ) -> SandboxSpecification {
        SandboxSpecification(
            id: id, labels: ["kind": "session"], bundle: Self.agents, command: [Self.python, "agent.py", mode],
            environment: ["DOCKER_CONTAINER": "1"], limits: limits)
    }

    /// Started and healthy.
    @discardableResult
    func run(_ id: String, _ mode: String = "plain", limits: SandboxLimits? = nil) async throws -> SandboxStatus {
        let specification = limits.map { self.specification(id, mode, limits: $0) } ?? self.specification(id, mode)
        let status = try await client.start(specification)
        try await HealthProbe.waitUntilHealthy(supervisor: client, id: id, timeout: .seconds(60))
        return status
    }

    /// Runs a script of Python until it exits; its output.
    func python(
        _ id: String, _ script: String, limits: SandboxLimits = SandboxLimits(memoryBytes: 256 << 20)
    ) async throws -> (SandboxExit, String) {
        try await command(id, [Self.python, "-u", "-c", script], limits: limits)
    }

    func command(
        _ id: String, _ command: [String], limits: SandboxLimits = SandboxLimits(memoryBytes: 256 << 20)
    ) async throws -> (SandboxExit, String) {
        var specification = specification(id, limits: limits)
        specification.command = command
        _ = try await client.start(specification)
        let exit = try await exit(of: id)
        return (exit, try await client.logTail(id, bytes: 100_000))
    }

    func exit(of id: String) async throws -> SandboxExit {
        try await until("\(id) ends", within: .seconds(120)) { try await self.client.status(id)?.state.exit }
    }

    /// One HTTP exchange through the sandbox's door.
    func post(_ id: String, _ body: String) async throws -> String {
        let socket = Descriptor(try await client.openSocket(id))
        return try await BlockingThread(name: "http").run {
            _ = fcntl(socket.number, F_SETFL, 0)
            let text = "POST /invocations HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
            let bytes = Array(text.utf8)
            var ready = pollfd(fd: socket.number, events: Int16(POLLOUT), revents: 0)
            poll(&ready, 1, 60_000)
            guard send(socket.number, bytes, bytes.count, CInt(MSG_NOSIGNAL)) == bytes.count else { throw SystemFailure("send") }
            var answer: [UInt8] = []
            var chunk = [UInt8](repeating: 0, count: 4096)
            while true {
                let count = recv(socket.number, &chunk, chunk.count, 0)
                if count <= 0 { break }
                answer.append(contentsOf: chunk[..<count])
            }
            let response = String(decoding: answer, as: UTF8.self)
            return response.range(of: "\r\n\r\n").map { String(response[$0.upperBound...]) } ?? response
        }
    }
}

/// Polls for a condition; a test never waits for a time.
@discardableResult
func until<Value>(
    _ what: String, within limit: Duration = .seconds(60), _ condition: () async throws -> Value?
) async throws -> Value {
    let deadline = ContinuousClock.now + limit
    while ContinuousClock.now < deadline {
        if let value = try await condition() { return value }
        try await Task.sleep(for: .milliseconds(5))
    }
    throw TimedOut(what: what)
}

func until(_ what: String, within limit: Duration = .seconds(60), _ condition: () async throws -> Bool) async throws {
    try await until(what, within: limit) { try await condition() ? true : nil }
}

struct TimedOut: Error, CustomStringConvertible {
    let what: String
    var description: String { "waited in vain until \(what)" }
}

/// What a living sandbox has, to ask later whether any of it is left.
struct Traces {
    let id: String
    let home: String
    let processNamespace: String
    let network: String
    let outerAndFirst: [ProcessIdentity]

    init(_ host: Host, _ status: SandboxStatus) throws {
        id = status.id
        home = host.home
        let pid = try #require(status.processID)
        processNamespace = try #require(System.linkTarget("/proc/\(pid)/ns/pid"))
        network = try #require(System.linkTarget("/proc/\(pid)/ns/net"))
        let file = try #require(StateFile.read(host.home + "/sandboxes/" + status.id))
        outerAndFirst = [file.outer, file.first].compactMap { $0 }
        #expect(outerAndFirst.count == 2)
        #expect(!processes.isEmpty)
    }

    /// Host numbers of the living processes in its pid namespace.
    var processes: [Int32] {
        System.names(in: "/proc").compactMap { Int32($0) }.filter { pid in
            System.linkTarget("/proc/\(pid)/ns/pid") == processNamespace && ProcessIdentity.of(pid)?.open() != nil
        }
    }

    /// Everything that is left, in words; empty: nothing.
    var left: [String] {
        var result = processes.map { "process \($0) in its pid namespace" }
        for process in outerAndFirst where process.open() != nil { result.append("process \(process.pid)") }
        for name in System.names(in: "/proc") where Int32(name) != nil {
            if System.linkTarget("/proc/\(name)/ns/net") == network { result.append("process \(name) in its network") }
        }
        for number in System.names(in: "/proc/self/fd") where System.linkTarget("/proc/self/fd/\(number)") == network {
            result.append("descriptor of its network")
        }
        if System.exists("\(home)/sandboxes/\(id)/work") { result.append("work directory") }
        let instance = System.readText(home + "/sandboxes/.instance") ?? "?"
        for hierarchy in Cgroups(instance: instance).hierarchies where System.exists(hierarchy.path + "/" + id) {
            result.append("cgroup \(hierarchy.path)/\(id)")
        }
        return result
    }
}
