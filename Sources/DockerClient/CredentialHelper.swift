import Dispatch
import Foundation

#if canImport(Glibc)
import Glibc
#else
import Musl
#endif

/// A program `docker-credential-NAME` that keeps secrets elsewhere
/// (docs.docker.com/reference/cli/docker/login, "Credential helper protocol").
struct CredentialHelper: Sendable {
    let name: String
    let environment: [String: String]

    /// What `get` prints for a registry, given on standard input. `nil`: it has none for it.
    func get(_ registry: String) async throws -> Data? {
        let isName = name.utf8.allSatisfy { byte in
            UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte || UInt8(ascii: "A")...UInt8(ascii: "Z") ~= byte
                || UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
        }
        guard isName, !name.isEmpty else { throw DockerError.credentials("'\(name)' can't be the name of a credential helper") }
        let file = "docker-credential-" + name
        guard let program = path(of: file) else { throw DockerError.credentials("\(file) is not in PATH") }
        return try await withCheckedThrowingContinuation { continuation in
            DispatchQueue.global().async { continuation.resume(with: Result { try run(program, registry) }) }
        }
    }

    private func run(_ program: String, _ registry: String) throws -> Data? {
        let process = Process()
        let (input, output) = (Pipe(), Pipe())
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = ["get"]
        process.environment = environment
        process.standardInput = input
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        do {
            try process.run()
        } catch {
            throw DockerError.credentials("\(program) can't be started: \(error)")
        }
        // A helper that asks somebody for a password would wait for ever.
        let timer = DispatchWorkItem { process.terminate() }
        DispatchQueue.global().asyncAfter(deadline: .now() + 20, execute: timer)
        defer { timer.cancel() }
        try? input.fileHandleForWriting.write(contentsOf: Data(registry.utf8))
        try? input.fileHandleForWriting.close()
        let answer = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        if process.terminationStatus == 0, process.terminationReason == .exit { return answer }
        // Failures are told on standard output, too.
        let said = String(decoding: answer, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
        if said.contains("credentials not found") { return nil }
        throw DockerError.credentials("\(program) failed: \(said.prefix(300))")
    }

    private func path(of file: String) -> String? {
        (environment["PATH"] ?? "/usr/local/bin:/usr/bin:/bin").split(separator: ":")
            .map { "\($0)/\(file)" }.first { access($0, X_OK) == 0 }
    }
}
