import CLinux
import Logging
public import Platform

#if canImport(Glibc)
import Glibc
#endif

extension BundleCache {
    /// Whether the bundle's modules were compiled for that interpreter.
    public func isCompiled(_ artifact: ArtifactReference, for runtime: String) -> Bool {
        access(marker(artifact, runtime), F_OK) == 0
    }

    /// Compiles an unpacked bundle's modules for an interpreter, once however many ask for it.
    ///
    /// The tree is read-only for its sandboxes, so without this every start would compile every
    /// module anew. `compile` must run in a sandbox and write a zip of `…/__pycache__/*.pyc` to the
    /// path it is given.
    public func compiled(
        _ context: OperationContext, _ artifact: ArtifactReference, for runtime: String,
        _ compile: @escaping @Sendable (_ bundle: String, _ output: String) async throws -> Void
    ) async throws {
        let marker = marker(artifact, runtime)
        if isCompiled(artifact, for: runtime) { return }
        let bundle = try await bundle(context, artifact)
        _ = try await flight(marker) {
            let started = context.clock.now()
            let workspace = try await self.makeWorkspace(artifact)
            do {
                try await compile(bundle, workspace.archive)
                let count = try await self.work.run {
                    let count = try BytecodeInstaller(bundle: bundle, workspace: workspace).install()
                    try workspace.sync()
                    let descriptor = open(marker, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
                    if descriptor >= 0 { close(descriptor) }
                    return count
                }
                context.logger.info(
                    "bundle compiled",
                    metadata: ["sha256": "\(artifact.sha256)", "modules": "\(count)", "took": "\(context.clock.now() - started)"])
            } catch {
                _ = try? await self.work.run { workspace.remove() }
                throw error
            }
            try await self.work.run { workspace.remove() }
            return marker
        }
    }

    private func marker(_ artifact: ArtifactReference, _ runtime: String) -> String {
        directory + "/" + artifact.sha256.lowercased() + "." + runtime
    }
}
