import NIOHTTP1

extension DockerClient {
    /// Has the engine push an image that is tagged so. Returns the digest of its manifest, `sha256:…`, by which everybody
    /// can pull it. Throws ``DockerError`` with the registry's own reason.
    ///
    /// - Parameter progress: called with a short sentence, some times a second at most.
    public func imagePush(
        _ reference: ImageReference, credentials: RegistryCredentials?, timeout: Duration, progress: (String) async -> Void
    ) async throws -> String {
        let tag = reference.tag ?? "latest"
        // Docker refuses a push without the header; this is "{}".
        let header = try credentials?.header() ?? "e30="
        let response = try await stream(
            .POST, Self.imagePath(reference.name) + "/push", query: [("tag", tag)], headers: [("X-Registry-Auth", header)],
            timeout: timeout)
        var digest: String?
        var layers = LayerProgress(.pushing)
        var told = ContinuousClock.now - .seconds(1)
        try await messages(response) { message in
            if let pushed = message.auxiliary?.digest ?? message.status.flatMap({ Self.digest(in: $0) }) { digest = pushed }
            layers.take(message)
            guard ContinuousClock.now - told >= .milliseconds(300), let sentence = layers.sentence else { return }
            told = ContinuousClock.now
            await progress(sentence)
        }
        if let digest { return digest }
        // Not every version tells; the image then knows it, if it was never pushed there as another manifest.
        let known = try await imageInspect(reference.description)?.repositoryDigests ?? []
        let digests = known.map { ImageReference($0) }.filter { $0.isSameRepository(as: reference) }.compactMap(\.digest)
        guard let digest = digests.first, digests.count == 1 else {
            throw DockerError.unexpected("the container engine did not tell the digest of what it pushed to \(reference)")
        }
        return digest
    }

    /// Of a status such as `1: digest: sha256:… size: 528`.
    static func digest(in status: String) -> String? {
        guard let start = status.firstRange(of: "digest: sha256:") else { return nil }
        let hash = status[start.upperBound...].prefix { $0.isHexDigit }
        return hash.count == 64 ? "sha256:" + hash : nil
    }
}
