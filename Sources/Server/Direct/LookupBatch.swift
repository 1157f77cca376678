import NIOCore

/// Gathers the questions that an event loop has for the database at the same moment into one statement.
/// Confined to that loop.
///
/// While one is under way, further questions wait for the next: an answer must not be older than its
/// question, so none is answered by a statement that was sent before it was asked.
final class LookupBatch<Question: Sendable, Answer: Sendable> {
    typealias Outcome = Result<[Answer], any Error>
    /// Sends a statement; its answers stand in the order of the questions. `completion` is called once, on any thread.
    typealias Send = ([Question], _ completion: @escaping @Sendable (Outcome) -> Void) -> Void
    typealias Hear = (Result<Answer, any Error>) -> Void

    private let eventLoop: any EventLoop
    private let limit: Int
    private let send: Send
    private var questions: [Question] = []
    private var hearers: [Hear] = []
    private var isUnderWay = false
    private var isScheduled = false

    /// - Parameter limit: Questions of a statement.
    init(eventLoop: any EventLoop, limit: Int = 64, send: @escaping Send) {
        self.eventLoop = eventLoop
        self.limit = limit
        self.send = send
    }

    /// `hear` is called once, on the event loop, later.
    func ask(_ question: Question, _ hear: @escaping Hear) {
        questions.append(question)
        hearers.append(hear)
        guard !isUnderWay, !isScheduled else { return }
        isScheduled = true
        // After everything that this turn of the loop has read: it belongs to the same statement.
        eventLoop.assumeIsolated().execute {
            self.isScheduled = false
            self.sendNext()
        }
    }

    private func sendNext() {
        guard !isUnderWay, !questions.isEmpty else { return }
        isUnderWay = true
        let count = min(questions.count, limit)
        let asked = Array(questions.prefix(count))
        let waiting = Array(hearers.prefix(count))
        questions.removeFirst(count)
        hearers.removeFirst(count)
        let bound = NIOLoopBound((batch: self, waiting: waiting), eventLoop: eventLoop)
        let loop = eventLoop
        send(asked) { outcome in
            loop.execute { bound.value.batch.answered(bound.value.waiting, outcome) }
        }
    }

    private func answered(_ waiting: [Hear], _ outcome: Outcome) {
        isUnderWay = false
        // Before the answers are used: the database works meanwhile.
        sendNext()
        switch outcome {
        case .success(let answers) where answers.count == waiting.count:
            for (hear, answer) in zip(waiting, answers) { hear(.success(answer)) }
        case .success(let answers): for hear in waiting { hear(.failure(LookupMismatch(asked: waiting.count, answered: answers.count))) }
        case .failure(let error): for hear in waiting { hear(.failure(error)) }
        }
    }
}

/// A defect: a statement answered another number of questions.
struct LookupMismatch: Error {
    var asked: Int
    var answered: Int
}
