import PostgresClient
import TestSupport
import Testing

@Suite struct ListenerTests {
    @Test func passesNotificationsOnInOrder() async throws {
        try await TestDatabase.withDatabase { client in
            var events = client.notifications(["a", "Odd \"name\""]).makeAsyncIterator()
            #expect(await events.next() == .resumed)
            for number in 1...3 as ClosedRange<Int64> { try await client.query("SELECT pg_notify('a', $1)", [.text("\(number)")]) }
            try await client.query("SELECT pg_notify('Odd \"name\"', '')")
            for number in 1...3 { #expect(await events.next() == .payload(channel: "a", payload: "\(number)")) }
            #expect(await events.next() == .payload(channel: "Odd \"name\"", payload: ""))
        }
    }

    @Test func saysWhenItResumed() async throws {
        try await TestDatabase.with { database in
            try await database.withClient { observer in
                try await database.withClient { client in
                    var events = client.notifications(["a"]).makeAsyncIterator()
                    #expect(await events.next() == .resumed)
                    try await AwayTests.terminateOthers(observer)
                    #expect(await events.next() == .resumed)
                    try await observer.query("SELECT pg_notify('a', 'again')")
                    #expect(await events.next() == .payload(channel: "a", payload: "again"))
                }
            }
        }
    }

    @Test func lettingTheStreamGoClosesItsConnection() async throws {
        try await TestDatabase.withDatabase { client in
            let listeners: @Sendable () async throws -> Int64? = {
                try await client.query(
                    "SELECT count(*) AS n FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'"
                ).first?.int("n")
            }
            let task = Task { for await _ in client.notifications(["a"]) {} }
            try await eventually("it listens") { try await listeners() == 1 }
            task.cancel()
            await task.value
            try await eventually("it closed") { try await listeners() == 0 }
        }
    }

    @Test func closingTheClientEndsTheStream() async throws {
        try await TestDatabase.with { database in
            let client = PostgresClient(database.configuration, logger: TestLog.logger)
            let run = Task { await client.run() }
            var events = client.notifications(["a"]).makeAsyncIterator()
            #expect(await events.next() == .resumed)
            run.cancel()
            await run.value
            #expect(await events.next() == nil)
        }
    }
}
