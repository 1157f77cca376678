/// A body of any origin, piece by piece.
public struct ObjectBody: AsyncSequence, Sendable {
    public typealias Element = [UInt8]

    private let make: @Sendable () -> AsyncIterator

    public init<Base: AsyncSequence & Sendable>(_ base: Base) where Base.Element == [UInt8] {
        make = {
            var iterator = base.makeAsyncIterator()
            return AsyncIterator { try await iterator.next() }
        }
    }

    /// A body that is there already.
    public init(bytes: [UInt8]) {
        self.init(
            AsyncStream { continuation in
                if !bytes.isEmpty { continuation.yield(bytes) }
                continuation.finish()
            })
    }

    public func makeAsyncIterator() -> AsyncIterator { make() }

    public struct AsyncIterator: AsyncIteratorProtocol {
        let piece: () async throws -> [UInt8]?

        public mutating func next() async throws -> [UInt8]? { try await piece() }
    }

    /// The whole body, for the small XML documents of the API. Throws `EntityTooLarge` past `limit`
    /// bytes, and what a digest that does not fit throws.
    public func collected(limit: Int, announced: ObjectDigests = .none) async throws -> [UInt8] {
        var hash = BodyHash(announced.checksums.keys)
        var whole: [UInt8] = []
        for try await piece in self {
            guard whole.count + piece.count <= limit else {
                throw ObjectError(.entityTooLarge, "The document in the request's body has more than \(limit) bytes.")
            }
            hash.update(piece)
            whole += piece
        }
        try hash.finalized().check(announced)
        return whole
    }
}
