import Crypto
import DataPlane
import NIOCore
import SigV4

/// A body whose sender is known only by its hash, once all of it is there.
///
/// A stranger's piece of memory is small; what is beyond waits on disk, where `SpoolDirectory` bounds it, and is read back
/// only when somebody vouches for it. Let go, it leaves nothing behind.
struct UnverifiedBody: Sendable {
    /// Bytes that wait in memory.
    static let memory = 64 << 10

    private let spools: SpoolDirectory
    private var hash = SHA256()
    private var tail = ByteBuffer()
    private var file: BodySpool?
    private var spooled = 0

    init(_ spools: SpoolDirectory) { self.spools = spools }

    /// Bytes so far.
    var count: Int { spooled + tail.readableBytes }

    /// True: enough waits in memory now; call `spill` before the next.
    mutating func take(_ bytes: ByteBuffer) -> Bool {
        bytes.withUnsafeReadableBytes { hash.update(bufferPointer: $0) }
        tail.writeImmutableBuffer(bytes)
        return tail.readableBytes > Self.memory
    }

    /// Puts what waits in memory on disk. Throws `.unavailable` when too many such bodies wait.
    mutating func spill() async throws {
        let file: BodySpool
        if let opened = self.file { file = opened } else { file = try await spools.open() }
        self.file = file
        try await file.append(tail, at: spooled)
        spooled += tail.readableBytes
        tail = ByteBuffer()
    }

    /// nil: part of it is on disk.
    var bytesInMemory: [UInt8]? { file == nil ? Array(buffer: tail) : nil }

    /// Of what came so far: lower-case hex SHA-256.
    var sha256: String { ContentHash.text(hash.finalize()) }

    /// All of it, in memory: for who has been verified.
    func bytes() async throws -> [UInt8] {
        guard let file else { return Array(buffer: tail) }
        var bytes = Array(buffer: try await file.read(at: 0, count: spooled))
        bytes += tail.readableBytesView
        return bytes
    }
}
