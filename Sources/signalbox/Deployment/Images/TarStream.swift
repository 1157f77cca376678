import NIOCore
import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// A tar archive of a folder, made while it is read.
final class TarStream: Sendable {
    private struct State {
        var entries: ArraySlice<TarEntry>
        var file: (name: String, descriptor: CInt, size: Int64, left: Int64)?
        var hasEnded = false
    }

    private static let pieceSize = 1 << 18

    private let folder: String
    private let state: Mutex<State>

    /// - Parameters:
    ///   - folder: absolute path, without symbolic links.
    ///   - entries: as they were found there.
    init(_ folder: String, _ entries: [TarEntry]) {
        self.folder = folder
        state = Mutex(State(entries: entries[...]))
    }

    deinit { state.withLock { if let file = $0.file { close(file.descriptor) } } }

    /// The next piece; nil at the end. Throws ``CommandError`` when a file can't be read or is not what it was.
    func next() throws -> ByteBuffer? {
        try state.withLock { state in
            var piece = ByteBuffer()
            while piece.readableBytes < Self.pieceSize, !state.hasEnded {
                if state.file != nil {
                    try read(&state, &piece)
                } else if let entry = state.entries.popFirst() {
                    piece.writeBytes(entry.header)
                    if case .file(let size) = entry.kind { state.file = try opened(entry.name, size) }
                } else {
                    piece.writeBytes(TarEntry.end)
                    state.hasEnded = true
                }
            }
            return piece.readableBytes > 0 ? piece : nil
        }
    }

    private func opened(_ name: String, _ size: Int64) throws -> (name: String, descriptor: CInt, size: Int64, left: Int64) {
        // A link that took the file's place is not followed.
        let descriptor = open(folder + "/" + name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw CommandError("can't read \(name): \(String(cString: strerror(errno)))") }
        return (name, descriptor, size, size)
    }

    private func read(_ state: inout State, _ piece: inout ByteBuffer) throws {
        guard let file = state.file else { return }
        if file.left > 0 {
            let bytes = try readUpTo(file.descriptor, Int(min(file.left, Int64(Self.pieceSize))))
            guard !bytes.isEmpty else { throw CommandError("\(file.name) became shorter while it was read") }
            piece.writeBytes(bytes)
            state.file?.left -= Int64(bytes.count)
        } else {
            // What was added meanwhile stays out: the header has told the size.
            piece.writeBytes(TarEntry.padding(after: file.size))
            close(file.descriptor)
            state.file = nil
        }
    }
}
