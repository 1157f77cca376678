import ControlPlane
import NIOCore
import Platform
import Store
import Synchronization

/// What an answer was asked for by.
struct AnswerKey: Hashable, Sendable {
    enum Part: Hashable, Sendable {
        /// As the caller wrote it; nil: the newest.
        case version(String?)
        case endpoint(String)
    }

    var account: String
    var region: String
    var runtimeID: String
    var part: Part
}

/// An answer as it was sent, and the state of the database that it tells of.
final class KeptAnswer: Sendable {
    let body: ByteBuffer
    let source: AnswerSource
    fileprivate let end: NIODeadline

    init(_ body: ByteBuffer, _ source: AnswerSource, at now: NIODeadline) {
        self.body = body
        self.source = source
        end = now + .seconds(RowsRevision.lifetime.components.seconds)
    }

    fileprivate var size: Int { body.readableBytes + source.size }
}

/// Answers that were given not long ago. They decide nothing: none is sent before PostgreSQL has said that
/// the rows it was made of are still in the same state.
///
/// Two generations bound it, in bytes: what is asked for moves to the young one, and when that is full the
/// old one is dropped.
final class AnswerCache: Sendable {
    private struct Generation {
        var answers: [AnswerKey: KeptAnswer] = [:]
        var bytes = 0
    }
    private struct State {
        var young = Generation()
        var old = Generation()
    }

    private let state = Mutex(State())
    /// Bytes of a generation.
    private let limit: Int

    /// - Parameter limit: Bytes of all that is kept.
    init(limit: Int = 32 << 20) { self.limit = limit / 2 }

    func find(_ key: AnswerKey, at now: NIODeadline) -> KeptAnswer? {
        state.withLock { state in
            if let known = state.young.answers[key] {
                if now < known.end { return known }
                Self.remove(key, from: &state.young)
                return nil
            }
            guard let known = state.old.answers[key], now < known.end else { return nil }
            Self.remove(key, from: &state.old)
            insert(key, known, &state)
            return known
        }
    }

    func keep(_ key: AnswerKey, _ body: ByteBuffer, _ source: AnswerSource, at now: NIODeadline = .now()) {
        let answer = KeptAnswer(body, source, at: now)
        // One that is large would push out many, and what sending it costs is not what is saved here.
        guard answer.size <= limit / 64 else { return }
        state.withLock { insert(key, answer, &$0) }
    }

    /// Bytes that are kept.
    var bytes: Int { state.withLock { $0.young.bytes + $0.old.bytes } }

    private func insert(_ key: AnswerKey, _ answer: KeptAnswer, _ state: inout State) {
        Self.remove(key, from: &state.young)
        if state.young.bytes + answer.size > limit {
            state.old = state.young
            state.young = Generation()
        }
        state.young.answers[key] = answer
        state.young.bytes += answer.size
    }

    private static func remove(_ key: AnswerKey, from generation: inout Generation) {
        if let known = generation.answers.removeValue(forKey: key) { generation.bytes -= known.size }
    }
}
