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

    @Test func readersOfSharedChannelsShareAConnection() async throws {
        try await TestDatabase.with { database in
            try await database.withClient { observer in
                try await database.withClient({ $0.sharedChannels = ["a", "b", "c"] }) { client in
                    var first = client.notifications(["a", "b"]).makeAsyncIterator()
                    #expect(await first.next() == .resumed)
                    // One that comes later is told at once that LISTEN is in force.
                    var second = client.notifications(["b"]).makeAsyncIterator()
                    #expect(await second.next() == .resumed)
                    for channel in ["c", "a", "b"] { try await observer.query("SELECT pg_notify($1, 'x')", [.text(channel)]) }
                    #expect(await first.next() == .payload(channel: "a", payload: "x"))
                    #expect(await first.next() == .payload(channel: "b", payload: "x"))
                    #expect(await second.next() == .payload(channel: "b", payload: "x"))
                    #expect(client.statistics.listeners == 1)
                    // Any other channel has a connection of its own.
                    var other = client.notifications(["a", "d"]).makeAsyncIterator()
                    #expect(await other.next() == .resumed)
                    #expect(client.statistics.listeners == 2)
                    try await AwayTests.terminateOthers(observer)
                    #expect(await first.next() == .resumed)
                    #expect(await second.next() == .resumed)
                    try await observer.query("SELECT pg_notify('b', 'again')")
                    #expect(await second.next() == .payload(channel: "b", payload: "again"))
                }
            }
        }
    }

    @Test func aReaderThatLeavesTakesNobodyAlong() async throws {
        try await TestDatabase.with { database in
            try await database.withClient({ $0.sharedChannels = ["a"] }) { client in
                let task = Task { for await _ in client.notifications(["a"]) {} }
                var stays = client.notifications(["a"]).makeAsyncIterator()
                #expect(await stays.next() == .resumed)
                task.cancel()
                await task.value
                try await client.query("SELECT pg_notify('a', 'x')")
                #expect(await stays.next() == .payload(channel: "a", payload: "x"))
            }
        }
    }

    @Test(arguments: [[], ["a"]]) func closingTheClientEndsTheStream(shared: [String]) async throws {
        try await TestDatabase.with { database in
            var configuration = database.configuration
            configuration.sharedChannels = shared
            let client = PostgresClient(configuration, logger: TestLog.logger)
            let run = Task { await client.run() }
            var events = client.notifications(["a"]).makeAsyncIterator()
            #expect(await events.next() == .resumed)
            run.cancel()
            await run.value
            #expect(await events.next() == nil)
            var late = client.notifications(["a"]).makeAsyncIterator()
            #expect(await late.next() == nil)
        }
    }
}
