import DockerClient
import Platform

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

extension ContainerEngine {
    /// Finds out what a reference means now, pulling it if need be, and that this host can run it.
    ///
    /// | the reference | is taken |
    /// |---|---|
    /// | has a digest that is here | from here: it can be no other |
    /// | is here and in no registry (`localhost/…`, or built here) | from here: a stranger may own that name on a registry |
    /// | anything else | from its registry; from here if that fails |
    ///
    /// Throws `.agentFailed` with the registry's own reason.
    func resolve(_ text: String, progress: @escaping @Sendable (String) async -> Void) async throws -> ResolvedImage {
        try await calling("pull \(text)") { daemon in
            let reference = ImageReference(text)
            if let present = try await present(reference, daemon) {
                if reference.digest != nil || reference.isLocal || !isFromRegistry(present, reference) {
                    return try checked(present, reference, daemon)
                }
            }
            do {
                try await pull(reference, daemon, progress)
            } catch let error as DockerError {
                guard let present = try await present(reference, daemon) else { throw error }
                var resolved = try checked(present, reference, daemon)
                resolved.remark = "It could not be pulled (\(error.message)); the image of that name on this host is used."
                logger.warning(
                    "an image could not be pulled and is taken as it is", metadata: ["image": "\(text)", "reason": "\(error.message)"])
                return resolved
            }
            guard let pulled = try await present(reference, daemon) else {
                throw DockerError.unexpected("the engine pulled it and does not have it")
            }
            return try checked(pulled, reference, daemon)
        }
    }

    /// Has exactly this image on the host. Throws `.agentFailed` when it is nowhere to be had.
    func require(_ image: SandboxImage, progress: @escaping @Sendable (String) async -> Void = { _ in }) async throws {
        try await calling("pull \(image.source ?? image.id)") { daemon in
            if try await daemon.client.imageInspect(image.id) != nil { return }
            forget(image.id)
            guard let source = image.source else {
                throw SignalboxError.agentFailed(
                    "The image \(image.id) is not on this host, and it was never in a registry. Push it to one, and make a new version.")
            }
            try await pull(ImageReference(source), daemon, progress)
            guard try await daemon.client.imageInspect(image.id) != nil else {
                throw SignalboxError.agentFailed("\(source) is not the image \(image.id) that this version was prepared with.")
            }
        }
    }

    private func present(_ reference: ImageReference, _ daemon: Daemon) async throws -> Image? {
        if let image = try await daemon.client.imageInspect(reference.description) { return image }
        // One that was built here may be named by its own hash, which a registry would not know it by.
        guard let digest = reference.digest, let image = try await daemon.client.imageInspect(digest) else { return nil }
        return image.id == digest || image.id == digest.replacing("sha256:", with: "") ? image : nil
    }

    private func isFromRegistry(_ image: Image, _ reference: ImageReference) -> Bool {
        (image.repositoryDigests ?? []).contains { ImageReference($0).isSameRepository(as: reference) }
    }

    private func pull(
        _ reference: ImageReference, _ daemon: Daemon, _ progress: @escaping @Sendable (String) async -> Void
    ) async throws {
        let registries = RegistryConfiguration(environment: settings.environment)
        try await daemon.client.imagePull(
            reference, credentials: registries.credentials(for: reference.registry), timeout: settings.pullTimeout, progress: progress)
    }

    private func checked(_ image: Image, _ reference: ImageReference, _ daemon: Daemon) throws -> ResolvedImage {
        let platform = "\(image.operatingSystem)/\(image.architecture)"
        let host = "\(daemon.version.operatingSystem)/\(daemon.version.architecture)"
        guard platform == host else {
            throw SignalboxError.agentFailed("The image \(reference) is for \(platform); this host runs \(host). Build it for \(host).")
        }
        guard image.size <= settings.maximumImageSize else {
            throw SignalboxError.agentFailed(
                "The image \(reference) has \(image.size >> 20) MiB; at most \(settings.maximumImageSize >> 20) MiB are allowed.")
        }
        let id = image.id.hasPrefix("sha256:") ? image.id : "sha256:" + image.id
        // Who names a manifest means it. Podman lists digests of its own beside it, which no registry knows.
        let named = reference.digest.flatMap { $0 == id ? nil : "\(reference.name)@\($0)" }
        // A digest of another repository would be pulled under another name.
        let source = ([named].compactMap { $0 } + (image.repositoryDigests ?? [])).first { digest in
            let digest = ImageReference(digest)
            return digest.isSameRepository(as: reference) && !digest.isLocal
        }
        return ResolvedImage(image: SandboxImage(id: id, source: source), platform: platform, size: image.size)
    }
}
