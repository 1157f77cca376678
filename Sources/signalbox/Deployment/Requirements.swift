import Platform

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// Installs a requirements.txt into a folder, for the interpreter that the agent will run on.
enum Requirements {
    /// - Parameters:
    ///   - file: the requirements.txt.
    ///   - target: empty folder for the packages.
    ///   - version: `3.11`.
    static func install(_ file: String, into target: String, version: String, step: Progress.Step) async throws {
        try await withPip(for: version, step: step) { pip in
            var arguments =
                pip.command + [
                    "install", "--quiet", "--disable-pip-version-check", "--no-input", "--no-compile",
                    "--target", target, "--requirement", file,
                ]
            if pip.version != version {
                // Nothing can be built for an interpreter that isn't here: wheels alone.
                arguments += ["--python-version", version, "--implementation", "cp", "--only-binary=:all:"]
            }
            step.update("pip for Python \(version)")
            // By environment: an older pip ignores variables that it doesn't know, but not options.
            let result = try await ChildProcess.run(
                arguments, environment: ["PIP_USER": "0", "PIP_ROOT_USER_ACTION": "ignore"])
            guard result.succeeded else {
                throw CommandError("installing requirements.txt failed:\n" + result.output.lastLines(20))
            }
        }
    }

    private struct Pip {
        var command: [String]
        /// Version of the Python that runs it.
        var version: String
    }

    /// Finds a pip, first that of the wanted interpreter; where there is none, makes a virtual
    /// environment for the call.
    private static func withPip(for version: String, step: Progress.Step, _ body: (Pip) async throws -> Void) async throws {
        let pythons = ["python\(version)", "/usr/bin/python\(version)", "python3", "/usr/bin/python3"]
        var usable: [(python: String, version: String)] = []
        for python in pythons {
            guard let found = try await self.version(of: python) else { continue }
            if try await ChildProcess.run([python, "-m", "pip", "--version"]).succeeded {
                return try await body(Pip(command: [python, "-m", "pip"], version: found))
            }
            usable.append((python, found))
        }
        guard let first = usable.first else {
            throw CommandError(
                "requirements.txt needs pip, and there is no python3 here; install it (Debian: apt-get install python3-pip)")
        }
        step.update("making a virtual environment, since \(first.python) has no pip")
        try await withTemporaryFolder { folder in
            let result = try await ChildProcess.run([first.python, "-m", "venv", folder + "/venv"])
            guard result.succeeded else {
                throw CommandError(
                    "requirements.txt needs pip, and \(first.python) has none (Debian: apt-get install python3-pip):\n"
                        + result.output.lastLines(5))
            }
            try await body(Pip(command: [folder + "/venv/bin/python", "-m", "pip"], version: first.version))
        }
    }

    private static func version(of python: String) async throws -> String? {
        let script = "import sys; print('%d.%d' % sys.version_info[:2])"
        let result = try await ChildProcess.run([python, "-c", script])
        return result.succeeded ? result.output.lastLines(1) : nil
    }
}

/// A private folder that is gone when `body` is done.
func withTemporaryFolder<Value>(_ body: (String) async throws -> Value) async throws -> Value {
    let folder = FileManager.default.temporaryDirectory.path + "/signalbox-" + Identifier.uuid()
    try createFolder(folder)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    return try await body(folder)
}

extension String {
    /// The end of a program's output, for an error.
    func lastLines(_ count: Int) -> String {
        split(whereSeparator: \.isNewline).suffix(count).joined(separator: "\n")
    }
}
