import Logging
import Platform
import Sandboxing

#if canImport(Glibc)
import Glibc
#endif

/// Compiles a bundle's Python modules inside a sandbox, never on the host: the compiler, too, parses
/// a stranger's files.
///
/// The sandbox answers one connection with a zip of the compiled modules. They carry no time stamp
/// to compare (PEP 552, unchecked), since the bundle they belong to never changes.
struct BytecodeCompiler: Sendable {
    let supervisor: SupervisorClient
    let limits: SandboxLimits
    let engine: String
    /// A bundle that takes longer is left as it is.
    var timeout: Duration = .seconds(120)

    private static let port = 8080
    /// Bytes; the limit of an unpacked bundle.
    private static let largestArchive = 750 << 20

    /// Writes the zip to `output`, which must not exist.
    ///
    /// - Parameter replica: By which the next server of this home knows that the sandbox of one that died is its to end.
    func run(
        _ context: OperationContext, interpreter: String, bundle: String, output: String, replica: String?
    ) async throws {
        var labels = ["kind": "probe"]
        labels["replica"] = replica
        let id = "compile-" + Identifier.alphanumeric(16).lowercased()
        let specification = SandboxSpecification(
            id: id, labels: labels, engine: engine, bundle: bundle,
            command: [interpreter, "-I", "-S", "-c", Self.script], limits: limits)
        let deadline = ContinuousClock.now + timeout
        let result: Result<Void, any Error>
        do {
            _ = try await supervisor.start(specification)
            let socket = try await connected(id, deadline)
            result = await BlockingTransfer(from: socket, to: output, limit: Self.largestArchive, deadline: deadline).run()
        } catch {
            result = .failure(error)
        }
        await Task {
            try? await supervisor.stop(id, grace: .zero)
            try? await supervisor.forget(id)
        }.value
        try result.get()
    }

    /// A socket whose connection stands; the caller closes it.
    private func connected(_ id: String, _ deadline: ContinuousClock.Instant) async throws -> CInt {
        while ContinuousClock.now < deadline {
            let socket = try await supervisor.openSocket(id, port: Self.port)
            var ready = pollfd(fd: socket, events: Int16(POLLOUT), revents: 0)
            // On loopback a connection stands or is refused at once.
            if poll(&ready, 1, 0) == 1, ready.revents & Int16(POLLERR | POLLHUP) == 0 { return socket }
            close(socket)
            if try await supervisor.status(id)?.state.exit != nil { break }
            try await Task.sleep(for: .milliseconds(10))
        }
        throw SignalboxError.internal("the compiler's sandbox did not listen: \((try? await supervisor.logTail(id, bytes: 500)) ?? "")")
    }

    // Listens before it compiles, so that the server's connection waits for the answer. What does
    // not compile (templates, other Python versions) is left out, as the import system would find out.
    private static let script = """
        import importlib._bootstrap_external as external, importlib.util as util, os, socket, sys, zipfile
        root, output = \(quoted(SandboxSpecification.bundlePath)), \(quoted(SandboxSpecification.workPath + "/bytecode.zip"))
        server = socket.socket()
        server.bind(("127.0.0.1", \(port)))
        server.listen(1)
        with zipfile.ZipFile(output, "w", zipfile.ZIP_STORED) as archive:
            for folder, folders, files in os.walk(root):
                folders[:] = sorted(f for f in folders if f != "__pycache__")
                for name in sorted(files):
                    path = os.path.join(folder, name)
                    if not name.endswith(".py") or os.path.islink(path):
                        continue
                    try:
                        with open(path, "rb") as file:
                            source = file.read()
                        code = compile(source, path, "exec", dont_inherit=True)
                        data = external._code_to_hash_pyc(code, util.source_hash(source), False)
                        info = zipfile.ZipInfo(os.path.relpath(util.cache_from_source(path), root))
                    except Exception:
                        continue
                    info.external_attr = 0o100644 << 16
                    archive.writestr(info, bytes(data))
        connection, _ = server.accept()
        with open(output, "rb") as file:
            connection.sendfile(file)
        connection.close()
        """

    private static func quoted(_ text: String) -> String { "\"\(text)\"" }
}
