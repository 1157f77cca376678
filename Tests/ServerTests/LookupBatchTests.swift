import NIOCore
import NIOEmbedded
import Testing

@testable import Server

/// Which statement answers which question.
struct LookupBatchTests {
    /// What was sent, and the calls that answer it.
    private final class Database {
        var sent: [[Int]] = []
        var completions: [@Sendable (Result<[String], any Error>) -> Void] = []

        func answer(_ index: Int, _ outcome: Result<[String], any Error>? = nil) {
            guard completions.indices.contains(index) else {
                Issue.record("statement \(index) was not sent")
                return
            }
            completions[index](outcome ?? .success(sent[index].map { "\($0) by \(index)" }))
        }
    }

    private struct Away: Error {}

    private let loop = EmbeddedEventLoop()
    private let database = Database()

    private func batch(limit: Int = 64) -> LookupBatch<Int, String> {
        LookupBatch(eventLoop: loop, limit: limit) { [database] questions, completion in
            database.sent.append(questions)
            database.completions.append(completion)
        }
    }

    /// Texts of answers in the order in which they were heard; an error's is its type.
    private final class Heard { var all: [String] = [] }

    private func ask(_ batch: LookupBatch<Int, String>, _ questions: some Sequence<Int>, _ heard: Heard) {
        for question in questions {
            batch.ask(question) { result in
                switch result {
                case .success(let text): heard.all.append("\(question): \(text)")
                case .failure(let error): heard.all.append("\(question): \(type(of: error))")
                }
            }
        }
    }

    @Test func questionsOfOneTurnAreOneStatement() {
        let (batch, heard) = (batch(), Heard())
        ask(batch, 1...3, heard)
        #expect(database.sent.isEmpty)
        loop.run()
        #expect(database.sent == [[1, 2, 3]])
        database.answer(0)
        loop.run()
        #expect(heard.all == ["1: 1 by 0", "2: 2 by 0", "3: 3 by 0"])
    }

    /// What a statement saw may be older than a question that came after it was sent.
    @Test func noQuestionIsAnsweredByAStatementSentBeforeIt() {
        let (batch, heard) = (batch(), Heard())
        ask(batch, [1], heard)
        loop.run()
        ask(batch, [1, 2], heard)
        loop.run()
        #expect(database.sent == [[1]], "one is under way")
        database.answer(0)
        // In the same turn, before the answer is given out: later than the statement, too.
        ask(batch, [3], heard)
        loop.run()
        #expect(heard.all == ["1: 1 by 0"])
        #expect(database.sent == [[1], [1, 2, 3]])
        database.answer(1)
        loop.run()
        #expect(heard.all.dropFirst() == ["1: 1 by 1", "2: 2 by 1", "3: 3 by 1"])
    }

    @Test func aStatementHasALimit() {
        let (batch, heard) = (batch(limit: 64), Heard())
        ask(batch, 0..<150, heard)
        loop.run()
        for index in 0..<3 {
            database.answer(index)
            loop.run()
        }
        #expect(database.sent.map(\.count) == [64, 64, 22])
        #expect(heard.all == (0..<150).map { "\($0): \($0) by \($0 / 64)" })
    }

    @Test func allOfAStatementHearItsErrorAndNobodyElse() {
        let (batch, heard) = (batch(), Heard())
        ask(batch, [1, 2], heard)
        loop.run()
        ask(batch, [3], heard)
        database.answer(0, .failure(Away()))
        loop.run()
        #expect(heard.all == ["1: Away", "2: Away"])
        database.answer(1)
        loop.run()
        #expect(heard.all.last == "3: 3 by 1")
        // A defect is heard, too.
        ask(batch, [4, 5], heard)
        loop.run()
        database.answer(2, .success(["one"]))
        loop.run()
        #expect(heard.all.suffix(2) == ["4: LookupMismatch", "5: LookupMismatch"])
    }

    @Test func askingAgainFromAnAnswerIsANewQuestion() {
        let (batch, heard) = (batch(), Heard())
        batch.ask(1) { [self] _ in ask(batch, [2], heard) }
        loop.run()
        database.answer(0)
        loop.run()
        #expect(database.sent == [[1], [2]] && heard.all.isEmpty)
        database.answer(1)
        loop.run()
        #expect(heard.all == ["2: 2 by 1"])
    }
}
