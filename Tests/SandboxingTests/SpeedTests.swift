import Foundation
import Testing

@testable import Sandboxing

extension SandboxingTests {
    /// Printed, not judged: other work shares the machine.
    @Suite(.serialized) struct Speed {
        @Test func openSocket() async throws {
            try await Host.with { host in
                try await host.run("fast")
                var times: [Duration] = []
                for _ in 0..<500 {
                    let start = ContinuousClock.now
                    let socket = try await host.client.openSocket("fast")
                    times.append(ContinuousClock.now - start)
                    close(socket)
                }
                times.sort()
                print("openSocket: median \(times[250]), 99th percentile \(times[495])")
                #expect(times[250] < .milliseconds(200))
            }
        }

        @Test func coldStartAgainstBareBubblewrap() async throws {
            try await Host.with { host in
                var bare: [Duration] = []
                var ours: [Duration] = []
                var started: [Duration] = []
                for round in 0..<15 {
                    let start = ContinuousClock.now
                    _ = try await host.client.start(host.specification("cold-\(round)"))
                    started.append(ContinuousClock.now - start)
                    try await HealthProbe.waitUntilHealthy(supervisor: host.client, id: "cold-\(round)")
                    ours.append(ContinuousClock.now - start)
                    try await host.client.stop("cold-\(round)", grace: .zero)
                    bare.append(try await BlockingThread(name: "bare").run { try Self.bareStart() })
                }
                func median(_ list: [Duration]) -> Duration { list.sorted()[list.count / 2] }
                print("cold start to /ping 200: \(median(ours)) (start answered after \(median(started))); bare bwrap: \(median(bare))")
            }
        }

        /// bwrap with the host's network and /ping polled each millisecond.
        private static func bareStart() throws -> Duration {
            let process = Process()
            process.executableURL = URL(fileURLWithPath: "/usr/bin/bwrap")
            let port = 18080
            let script = "exec python3 -c \"$(sed 's/8080/\(port)/' agent.py)\""
            process.arguments = [
                "--unshare-all", "--share-net", "--die-with-parent", "--ro-bind", "/usr", "/usr", "--symlink", "usr/bin", "/bin",
                "--symlink", "usr/lib", "/lib",
                "--symlink", "usr/lib64", "/lib64", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--ro-bind", Host.agents,
                "/var/task",
                "--chdir", "/var/task", "/bin/sh", "-c", script,
            ]
            process.standardOutput = FileHandle.nullDevice
            let start = ContinuousClock.now
            try process.run()
            defer {
                // SIGTERM is blocked on this thread and so in its children.
                kill(process.processIdentifier, SIGKILL)
                process.waitUntilExit()
            }
            while ContinuousClock.now - start < .seconds(60) {
                let number = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
                defer { close(number) }
                var address = sockaddr_in()
                address.sin_family = sa_family_t(AF_INET)
                address.sin_port = in_port_t(port).bigEndian
                address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
                let connected = withUnsafePointer(to: &address) {
                    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(number, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
                }
                if connected == 0 {
                    let request = Array("GET /ping HTTP/1.1\r\nHost: a\r\n\r\n".utf8)
                    _ = send(number, request, request.count, CInt(MSG_NOSIGNAL))
                    var chunk = [UInt8](repeating: 0, count: 100)
                    if recv(number, &chunk, chunk.count, 0) > 12, String(decoding: chunk[9..<12], as: UTF8.self) == "200" {
                        return ContinuousClock.now - start
                    }
                }
                usleep(1000)
            }
            throw TimedOut(what: "bare bwrap answers")
        }
    }
}
