public import Sandboxing
public import Store
import Synchronization

/// The image in which archives run, as it was when it was first needed: a moved tag waits for the next server.
final class CodeImage: Sendable {
    private let known = Mutex<SandboxImage?>(nil)

    func image(_ resolve: () async throws -> SandboxImage) async throws -> SandboxImage {
        if let image = known.withLock({ $0 }) { return image }
        let found = try await resolve()
        return known.withLock { known in
            let image = known ?? found
            known = image
            return image
        }
    }
}

extension SandboxImage {
    /// What a version has pinned.
    public init(_ image: VersionImage) { self.init(id: image.id, source: image.source) }
}
