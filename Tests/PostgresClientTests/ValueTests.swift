import Foundation
import PostgresClient
import TestSupport
import Testing

@Suite struct ValueTests {
    @Test func everyTypeSurvivesTheRoundTrip() async throws {
        try await TestDatabase.withDatabase { client in
            let date = Date(timeIntervalSince1970: 1_763_692_800.123_456)
            let result = try await client.query(
                """
                SELECT $1::boolean AS flag, $2::bigint AS big, $3::integer AS small, $4::float8 AS ratio, $5::text AS words,
                       $6::bytea AS blob, $7::timestamptz AS moment, $8::jsonb AS document, $9::text[] AS names, $10::bigint[] AS numbers
                """,
                [
                    true, .int(Int64.min), .int32(-7), .double(1.5), "grüße 🚂", .bytes([0, 255, 1]), .timestamp(date),
                    .json(#"{"a": [1, null]}"#), .textArray(["", "zwei", "a,b\"c"]), .intArray([1, -2, .max]),
                ])
            let row = try #require(result.first)
            #expect(try row.bool("flag"))
            #expect(try row.int("big") == .min)
            #expect(try row.int32("small") == -7)
            #expect(try row.double("ratio") == 1.5)
            #expect(try row.text("words") == "grüße 🚂")
            #expect(try row.bytes("blob") == [0, 255, 1])
            #expect(abs(try row.timestamp("moment").timeIntervalSince(date)) < 0.000_001)
            #expect(try row.json("document") == #"{"a": [1, null]}"#)
            #expect(try row.textArray("names") == ["", "zwei", "a,b\"c"])
            #expect(try row.intArray("numbers") == [1, -2, .max])
        }
    }

    @Test func theServersOtherTypesAreRead() async throws {
        try await TestDatabase.withDatabase { client in
            let row = try #require(
                try await client.query(
                    """
                    SELECT 3::smallint AS tiny, 2.5::real AS half, 'v'::varchar AS var, 'n'::name AS ident, 'literal' AS literal,
                           'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'::uuid AS id, '{"b":2}'::json AS plain, ''::bytea AS nothing,
                           '{}'::text[] AS none, '{}'::bigint[] AS zero, 'infinity'::timestamptz AS forever, count(*) AS n
                    """
                ).first)
            #expect(try row.int("tiny") == 3)
            #expect(try row.double("half") == 2.5)
            #expect(try row.text("var") == "v")
            #expect(try row.text("ident") == "n")
            #expect(try row.text("literal") == "literal")
            #expect(try row.text("id") == "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11")
            #expect(try row.json("plain") == #"{"b":2}"#)
            #expect(try row.bytes("nothing") == [])
            #expect(try row.textArray("none") == [])
            #expect(try row.intArray("zero") == [])
            #expect(try row.timestamp("forever") == .distantFuture)
            #expect(try row.int("n") == 1)
        }
    }

    @Test func nullsAreNil() async throws {
        try await TestDatabase.withDatabase { client in
            try await client.query("CREATE TABLE t (id bigint PRIMARY KEY, n bigint, s text, b bytea, w timestamptz, j jsonb)")
            let insert: Statement = "INSERT INTO t VALUES ($1, $2, $3, $4, $5, $6)"
            // The same text with nulls first, then with values: types are known only the second time.
            try await client.query(insert, [1, nil, nil, nil, nil, nil])
            try await client.query(insert, [2, 5, "x", .bytes([1]), .timestamp(Date(timeIntervalSince1970: 0)), .json("1")])
            try await client.query(insert, [3, 5, nil, nil, nil, nil])
            let rows = try await client.query("SELECT * FROM t ORDER BY id").rows
            #expect(rows.count == 3)
            #expect(try rows[0].isNull("n"))
            #expect(try rows[0].intOrNil("n") == nil)
            #expect(try rows[0].textOrNil("s") == nil)
            #expect(try rows[0].bytesOrNil("b") == nil)
            #expect(try rows[0].timestampOrNil("w") == nil)
            #expect(try rows[0].jsonOrNil("j") == nil)
            #expect(try rows[1].intOrNil("n") == 5)
            #expect(try rows[1].jsonOrNil("j") == "1")
            #expect(try rows[2].intOrNil("n") == 5)
        }
    }

    @Test func wrongNamesTypesAndNullsAreDecodingErrors() async throws {
        try await TestDatabase.withDatabase { client in
            let row = try #require(try await client.query("SELECT 'a'::text AS a, null::bigint AS n, 5000000000 AS big").first)
            func kind(_ read: () throws -> Any) -> PostgresError.Kind? {
                do { _ = try read() } catch { return (error as? PostgresError)?.kind }
                return nil
            }
            #expect(kind { try row.int("a") } == .decoding)
            #expect(kind { try row.text("nope") } == .decoding)
            #expect(kind { try row.text("aa") } == .decoding)
            #expect(kind { try row.int("n") } == .decoding)
            #expect(kind { try row.int32("big") } == .decoding)
            #expect(kind { try row.bytes("a") } == .decoding)
        }
    }

    @Test func affectedRowsAreCounted() async throws {
        try await TestDatabase.withDatabase { client in
            try await client.query("CREATE TABLE t (n bigint)")
            #expect(try await client.query("INSERT INTO t SELECT generate_series(1, 10)").affectedRows == 10)
            #expect(try await client.query("UPDATE t SET n = n WHERE n > $1", [7]).affectedRows == 3)
            #expect(try await client.query("DELETE FROM t").affectedRows == 10)
            #expect(try await client.query("SELECT 1 WHERE false").rows.isEmpty)
        }
    }

    @Test(arguments: [true, false]) func twentyMebibytesBothWays(pinned: Bool) async throws {
        try await TestDatabase.withDatabase { client in
            let size = 20 << 20
            var blob = [UInt8](repeating: 0, count: size)
            for index in stride(from: 0, to: size, by: 4099) { blob[index] = UInt8(truncatingIfNeeded: index) }
            let statement: Statement = "SELECT $1::bytea AS blob, length($1::bytea)::bigint AS size"
            let result =
                pinned
                ? try await client.queryPinned(statement, [.bytes(blob)], deadline: nil)
                : try await client.query(statement, [.bytes(blob)])
            let row = try #require(result.first)
            #expect(try row.int("size") == Int64(size))
            #expect(try row.bytes("blob") == blob)
        }
    }
}
