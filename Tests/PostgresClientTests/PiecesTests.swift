import Platform
import Testing

@testable import PostgresClient

@Suite struct FIFOTests {
    @Test func keepsTheOrderWhileItShrinksAndGrows() {
        var queue = FIFO<Int>()
        var next = 0
        var expected = 0
        for round in 0..<2000 {
            for _ in 0..<(round % 7) {
                queue.append(next)
                next += 1
            }
            for _ in 0..<(round % 5) {
                guard let value = queue.popFirst() else { break }
                #expect(value == expected)
                expected += 1
            }
            #expect(queue.count == next - expected)
        }
        #expect(queue.removeAll() == Array(expected..<next))
        #expect(queue.isEmpty)
        #expect(queue.popFirst() == nil)
    }

    @Test func changesTheFirstInPlace() {
        var queue = FIFO<Int>()
        queue.updateFirst { $0 += 1 }
        queue.append(1)
        queue.append(2)
        queue.updateFirst { $0 += 10 }
        #expect(queue.first == 11)
        #expect(queue.removeAll() == [11, 2])
    }
}

@Suite struct PreparedStatementsTests {
    @Test func prepareOncePerTextAndTypes() {
        var prepared = PreparedStatements()
        let first = prepared.variant(text: "a", types: [TypeID.int8])
        #expect(first.isNew)
        #expect(prepared.variant(text: "a", types: [TypeID.int8]) == (first.variant, false))
        #expect(prepared.variant(text: "a", types: [TypeID.unspecified]) == (first.variant, false), "a null fits every type")
        #expect(prepared.variant(text: "a", types: [TypeID.text]).isNew == true)
        #expect(prepared.variant(text: "b", types: [TypeID.int8]).isNew == true)
    }

    @Test func aNullGivesNoTypeAway() {
        var prepared = PreparedStatements()
        _ = prepared.variant(text: "a", types: [TypeID.unspecified])
        #expect(prepared.variant(text: "a", types: [TypeID.int8]).isNew == true)
        #expect(prepared.variant(text: "a", types: [TypeID.unspecified]).isNew == false)
    }

    @Test func aForgottenNameIsNotUsedAgain() {
        var prepared = PreparedStatements()
        let first = prepared.variant(text: "a", types: []).variant
        prepared.forget(text: "a", name: first.name)
        let second = prepared.variant(text: "a", types: [])
        #expect(second.isNew)
        #expect(second.variant.name != first.name)
    }
}

@Suite struct ConninfoTests {
    @Test func hostsAreThoseReachedByTCP() throws {
        #expect(try PostgresConfiguration.hosts(in: "postgresql://u@one,two:5433/db?hostaddr=192.0.2.1") == ["192.0.2.1", "one", "two"])
        #expect(try PostgresConfiguration.hosts(in: "host=/run/postgresql dbname=x") == [])
        #expect(throws: PostgresError.self) { try PostgresConfiguration.hosts(in: "nonsense nonsense") }
    }

    @Test func replacesTheDatabaseAndKeepsTheRest() throws {
        let plain = try Conninfo.replacingDatabase(in: "host=/tmp/x y=1".replacing(" y=1", with: " user='a b'"), with: "it's")
        #expect(plain.contains("host='/tmp/x'"))
        #expect(plain.contains("user='a b'"))
        #expect(plain.hasSuffix(#"dbname='it\'s'"#))
        let uri = try Conninfo.replacingDatabase(in: "postgresql://u:p%40@h:5433/old?sslmode=require", with: "new")
        #expect(uri.contains("password='p@'"))
        #expect(uri.contains("port='5433'"))
        #expect(uri.contains("sslmode='require'"))
        #expect(uri.hasSuffix("dbname='new'"))
        #expect(throws: PostgresError.self) { try Conninfo.replacingDatabase(in: "nonsense nonsense", with: "x") }
    }
}

@Suite struct PostmasterFileTests {
    @Test func readsWhatPostgresWrites() throws {
        let content = "4711\n/home/pg/data\n1763692800\n5432\n/home/pg/run\n\n 98765 12\nready   \n"
        let file = try #require(PostmasterFile(content))
        #expect(file.pid == 4711)
        #expect(file.dataDirectory == "/home/pg/data")
        #expect(file.port == 5432)
        #expect(file.socketDirectory == "/home/pg/run")
        #expect(file.status == "ready")
    }

    @Test(arguments: ["", "x\n/data\n", "1\n/data\n", "-5\n/data\n", "12"]) func refusesNonsense(content: String) {
        #expect(PostmasterFile(content) == nil)
    }
}
