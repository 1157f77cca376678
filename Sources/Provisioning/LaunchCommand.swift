import AgentCoreModel
import Platform
import Sandboxing

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

#if canImport(Glibc)
import Glibc
#endif

/// The command that starts a bundle's agent: `entryPoint`, made explicit.
///
/// | entryPoint | command |
/// |---|---|
/// | `main.py` | `python main.py` |
/// | `opentelemetry-instrument main.py` | `python bin/opentelemetry-instrument python main.py` |
/// | `uvicorn main:app` | `python bin/uvicorn main:app` |
struct LaunchCommand {
    /// Inside the sandbox.
    let interpreter: String
    /// On the host.
    let bundle: String

    /// Throws `agentFailed` with a sentence for `failureReason`.
    func arguments(_ entryPoint: [String]) throws(SignalboxError) -> [String] {
        guard let first = entryPoint.first else { throw .agentFailed("The entry point is empty. Name the file to run, such as main.py.") }
        let rest = Array(entryPoint.dropFirst())
        if ["python", "python3"].contains(first), let program = rest.first {
            return [interpreter, try existing(program)] + rest.dropFirst()
        }
        if first.hasSuffix(".py") || rest.isEmpty { return [interpreter, try existing(first)] + rest }
        return try launcher(first) + (try launched(by: first, rest))
    }

    /// A program that the bundle's packages installed. Its first line names the interpreter of the
    /// machine that built the bundle, so scripts are run by ours.
    private func launcher(_ name: String) throws(SignalboxError) -> [String] {
        let script = "bin/" + name
        if isSafe(name), isFile(script) {
            return isScript(script) ? [interpreter, script] : [SandboxSpecification.bundlePath + "/" + script]
        }
        if name == "opentelemetry-instrument", isFile("opentelemetry/instrumentation/auto_instrumentation/__init__.py") {
            return [interpreter, "-c", "from opentelemetry.instrumentation.auto_instrumentation import run; run()"]
        }
        if isSafe(name), isFile(name) { return [interpreter, name] }
        throw .agentFailed(
            "The entry point '\(name)' is not in the zip (looked for bin/\(name)). Install the package that has it into the bundle, for opentelemetry-instrument aws-opentelemetry-distro. \(contents())"
        )
    }

    /// opentelemetry-instrument starts any program; ours is a Python file, run by the same interpreter.
    private func launched(by launcher: String, _ rest: [String]) throws(SignalboxError) -> [String] {
        guard launcher == "opentelemetry-instrument", let program = rest.first, program.hasSuffix(".py") else { return rest }
        return [interpreter, try existing(program)] + rest.dropFirst()
    }

    private func existing(_ program: String) throws(SignalboxError) -> String {
        guard isSafe(program) else {
            throw .agentFailed("The entry point '\(program)' must be a path inside the zip, without '..' and not absolute.")
        }
        if isFile(program) { return program }
        if let folder = root().first(where: { isFile($0 + "/" + program) }) {
            throw .agentFailed(
                "The entry point '\(program)' is not at the root of the zip but in the folder '\(folder)'. Zip the folder's content, not the folder, or set the entry point to '\(folder)/\(program)'."
            )
        }
        throw .agentFailed("The entry point '\(program)' is not in the zip. \(contents())")
    }

    private func isSafe(_ path: String) -> Bool {
        !path.hasPrefix("/") && !path.hasPrefix("-") && !path.utf8.contains(0) && !path.split(separator: "/").contains("..")
    }

    private func isFile(_ path: String) -> Bool {
        var isDirectory = false
        return FileManager.default.fileExists(atPath: bundle + "/" + path, isDirectory: &isDirectory) && !isDirectory
    }

    private func isScript(_ path: String) -> Bool {
        guard let file = fopen(bundle + "/" + path, "re") else { return false }
        defer { fclose(file) }
        return fgetc(file) == 0x23 && fgetc(file) == 0x21
    }

    private func root() -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: bundle)) ?? []).sorted()
    }

    /// "At the root of the zip there are: agent.py, lib/ and 12 more."
    private func contents() -> String {
        let names = root()
        if names.isEmpty { return "The zip is empty." }
        let shown = names.prefix(10).map { isFile($0) ? $0 : $0 + "/" }.joined(separator: ", ")
        return names.count > 10
            ? "At the root of the zip there are: \(shown) and \(names.count - 10) more." : "At the root of the zip there are: \(shown)."
    }
}
