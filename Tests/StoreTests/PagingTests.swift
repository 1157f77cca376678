import AgentCoreModel
import Platform
import PostgresClient
import TestSupport
import Testing

@testable import Store

struct PagingTests {
    private let c = OperationContext.test()

    @Test func runtimesNewestFirstWhateverComesAndGoesMeanwhile() async throws {
        try await withStore { store in
            var made: [TestRuntime] = []
            for index in 0..<7 {
                made.append(
                    try await store.testRuntime(c, name: "r\(index)", configuration: Store.testConfiguration(description: "d\(index)")))
            }
            // Equal times: the row id decides.
            try await store.postgres.query(
                "update agent_runtime set created_at = $1 where id = any($2)",
                [.timestamp(made[2].runtime.createdAt), .intArray(made[2...4].map(\.runtime.id))])
            var names: [String] = []
            var token: String?
            repeat {
                let page = try await store.runtimeList(c, page: PageRequest(maxResults: 2, nextToken: token))
                names += page.items.map(\.runtime.name)
                for item in page.items { #expect(item.description == "d" + item.runtime.name.dropFirst()) }
                if token == nil {
                    // A newer one, and the one the cursor stands on goes.
                    _ = try await store.testRuntime(c, name: "late")
                    let last = try #require(page.items.last)
                    _ = try await store.transaction(c) { tx in
                        _ = try await store.runtimeTransition(c, in: tx, runtime: last.runtime.id, event: .deleteRequested)
                        return try await store.runtimeDelete(c, in: tx, runtime: last.runtime.id)
                    }
                }
                token = page.nextToken
            } while token != nil
            #expect(names == ["r6", "r5", "r4", "r3", "r2", "r1", "r0"])
            #expect(try await store.runtimeList(.test(account: TestTenant.otherAccount), page: PageRequest()).items.isEmpty)
        }
    }

    @Test func versionsNewestFirst() async throws {
        try await withStore { store in
            let made = try await store.testRuntime(c)
            for _ in 2...5 { _ = try await store.testVersion(c, of: made.runtime) }
            let first = try await store.versionList(c, runtime: made.runtime, page: PageRequest(maxResults: 3))
            #expect(first.items.map(\.version) == [5, 4, 3])
            let second = try await store.versionList(c, runtime: made.runtime, page: PageRequest(maxResults: 3, nextToken: first.nextToken))
            #expect(second.items.map(\.version) == [2, 1])
            #expect(second.nextToken == nil)
            // Exactly a full page: no token.
            #expect(try await store.versionList(c, runtime: made.runtime, page: PageRequest(maxResults: 5)).nextToken == nil)
        }
    }

    @Test func endpointsDefaultFirstThenByName() async throws {
        try await withStore { store in
            let made = try await store.testRuntime(c)
            for name in ["prod", "Alpha", "beta", "Zulu"] {
                _ = try await store.transaction(c) { tx in
                    try await store.endpointInsert(
                        c, in: tx, runtime: made.runtime, name: name, endpointID: WireID.make(name: name), target: 1)
                }
            }
            for size in 1...6 {
                var names: [String] = []
                var token: String?
                repeat {
                    let page = try await store.endpointList(
                        c, runtimeID: made.runtime.runtimeID, page: PageRequest(maxResults: size, nextToken: token))
                    names += page.items.map(\.name)
                    token = page.nextToken
                } while token != nil
                #expect(names == ["DEFAULT", "Alpha", "Zulu", "beta", "prod"])
            }
            #expect(try await store.endpointList(c, runtimeID: "unknown-0123456789", page: PageRequest()).items.isEmpty)
            #expect(try await store.endpointCount(c, runtime: made.runtime.id) == 5)
        }
    }

    @Test func filteredRuntimesComeInTheSameOrder() async throws {
        try await withStore { store in
            for index in 0..<12 {
                let made = try await store.testRuntime(c, name: index % 2 == 0 ? "even\(index)" : "odd\(index)")
                let tags = ["third": "\(index % 3)", "all": "yes"]
                _ = try await store.transaction(c) { try await store.tagsMerge(c, in: $0, .runtime(made.runtime.id), tags) }
                if index >= 8 {
                    _ = try await store.transaction(c) {
                        try await store.runtimeTransition(c, in: $0, runtime: made.runtime.id, event: .updateRequested)
                    }
                }
            }
            func names(_ filter: ListFilter, size: Int) async throws -> [String] {
                var names: [String] = []
                var token: String?
                repeat {
                    let page = try await store.runtimeList(c, page: PageRequest(maxResults: size, nextToken: token), filter: filter)
                    #expect(page.items.count <= size && (page.items.count == size || page.nextToken == nil))
                    names += page.items.map(\.runtime.name)
                    token = page.nextToken
                } while token != nil
                return names
            }
            let filters: [(ListFilter, [String])] = [
                (ListFilter(namePrefix: "even"), ["even10", "even8", "even6", "even4", "even2", "even0"]),
                (ListFilter(namePrefix: "odd1"), ["odd11", "odd1"]), (ListFilter(namePrefix: "Even"), []),
                (ListFilter(namePrefix: "%"), []),
                (ListFilter(status: [.updating]), ["odd11", "even10", "odd9", "even8"]),
                (ListFilter(namePrefix: "odd", status: [.updating, .creating]), ["odd11", "odd9"]),
                (ListFilter(tags: ["third": "0"]), ["odd9", "even6", "odd3", "even0"]),
                (ListFilter(status: [.ready], tags: ["third": "0", "all": "yes"]), ["even6", "odd3", "even0"]),
                (ListFilter(tags: ["third": "0", "all": "no"]), []), (ListFilter(tags: ["third": ""]), []),
            ]
            for (filter, expected) in filters {
                for size in [1, 2, 3, 100] { #expect(try await names(filter, size: size) == expected, "\(filter)") }
            }
            #expect(try await names(ListFilter(), size: 5).count == 12)
        }
    }

    @Test func filteredEndpoints() async throws {
        try await withStore { store in
            let made = try await store.testRuntime(c)
            for name in ["prod1", "prod2", "beta", "prod3"] {
                _ = try await store.transaction(c) { tx in
                    try await store.endpointInsert(
                        c, in: tx, runtime: made.runtime, name: name, endpointID: WireID.make(name: name), target: 1,
                        tags: ["stage": String(name.prefix(4))])
                }
            }
            func names(_ filter: ListFilter, size: Int) async throws -> [String] {
                var names: [String] = []
                var token: String?
                repeat {
                    let page = try await store.endpointList(
                        c, runtimeID: made.runtime.runtimeID, page: PageRequest(maxResults: size, nextToken: token), filter: filter)
                    names += page.items.map(\.name)
                    token = page.nextToken
                } while token != nil
                return names
            }
            for size in 1...5 {
                #expect(try await names(ListFilter(namePrefix: "prod"), size: size) == ["prod1", "prod2", "prod3"])
                #expect(try await names(ListFilter(status: [.creating]), size: size) == ["beta", "prod1", "prod2", "prod3"])
                #expect(try await names(ListFilter(status: [.ready]), size: size) == ["DEFAULT"])
                #expect(try await names(ListFilter(tags: ["stage": "beta"]), size: size) == ["beta"])
                #expect(try await names(ListFilter(namePrefix: "prod", tags: ["stage": "beta"]), size: size) == [])
            }
        }
    }

    @Test func tokensAreGoodForTheirFilterAlone() async throws {
        try await withStore { store in
            for index in 0..<4 { _ = try await store.testRuntime(c, name: "r\(index)") }
            let filter = ListFilter(namePrefix: "r", status: [.ready, .updating])
            let token = try #require(try await store.runtimeList(c, page: PageRequest(maxResults: 1), filter: filter).nextToken)
            func next(_ filter: ListFilter) async throws -> Int {
                try await store.runtimeList(c, page: PageRequest(maxResults: 9, nextToken: token), filter: filter).items.count
            }
            #expect(try await next(filter) == 3)
            #expect(try await next(ListFilter(namePrefix: "r", status: [.updating, .ready, .ready])) == 3)
            for other in [
                ListFilter(), ListFilter(namePrefix: "r"), ListFilter(status: [.ready, .updating]), ListFilter(namePrefix: "r1"),
                ListFilter(namePrefix: "r", status: [.ready, .updating], tags: ["a": ""]),
            ] {
                await #expect(throws: SignalboxError.self, "\(other)") { _ = try await next(other) }
            }
            let plain = try #require(try await store.runtimeList(c, page: PageRequest(maxResults: 1)).nextToken)
            await #expect(throws: SignalboxError.self) {
                try await store.runtimeList(c, page: PageRequest(maxResults: 1, nextToken: plain), filter: filter)
            }
        }
    }

    @Test func tokensAreGoodForTheirListAlone() throws {
        let tokens = PageToken(secrets: try .test())
        let list = ["runtimes", "123456789012", "us-east-1"]
        let token = tokens.make(cursor: ["17", "a:b"], list: list)
        #expect(try tokens.cursor(of: token, list: list, count: 2) == ["17", "a:b"])
        let bad = [
            "", "x", "%%%", token + "A", String(token.dropLast()), token + "=", " " + token, String(repeating: "A", count: 4000),
            "A" + token.dropFirst(), tokens.make(cursor: ["17"], list: list),
            PageToken(secrets: try SecretBox(masterKey: Array(1...32))).make(cursor: ["17", "a:b"], list: list),
        ]
        for text in bad {
            #expect(throws: SignalboxError.self, "\(text.prefix(60))") { try tokens.cursor(of: text, list: list, count: 2) }
        }
        for other in [
            ["versions", "123456789012", "us-east-1"], ["runtimes", "123456789012us-east-1", ""], ["runtimes", "123456789012"],
        ] {
            #expect(throws: SignalboxError.self) { try tokens.cursor(of: token, list: other, count: 2) }
        }
        // Every single bit counts.
        let characters = Array(token.utf8)
        for index in characters.indices {
            var changed = characters
            changed[index] = changed[index] == UInt8(ascii: "A") ? UInt8(ascii: "B") : UInt8(ascii: "A")
            #expect(throws: SignalboxError.self) { try tokens.cursor(of: String(decoding: changed, as: UTF8.self), list: list, count: 2) }
        }
    }
}
