import Testing

@testable import Artifacts

@Suite("Listing objects")
struct ObjectListingTests {
    /// Every page of a listing, as `key` or `prefix/`.
    func list(_ fixture: ObjectFixture, _ request: ObjectListRequest) async throws -> [[String]] {
        var request = request
        var pages: [[String]] = []
        repeat {
            let page = try await fixture.objects.objectList(fixture.context, bucket: fixture.bucket, request)
            #expect(page.count <= request.maximum)
            pages.append((page.objects.map(\.key) + page.commonPrefixes).sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) })
            request.continuationToken = page.nextToken
        } while request.continuationToken != nil
        return pages
    }

    @Test("Order, prefix, delimiter, pages")
    func pages() async throws {
        try await ObjectFixture.with { fixture async throws in
            let keys = ["a", "b/1", "b/2", "b/c/3", "c", "ä/x", "Z", "b-", "b/c/4", "d//e", "\u{10FFFF}x"]
            for key in keys { try await fixture.put(key, Array(key.utf8)) }
            let sorted = keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
            for maximum in [1, 2, 3, 1000] {
                var request = ObjectListRequest()
                request.maximum = maximum
                #expect(try await list(fixture, request).flatMap { $0 } == sorted)
                request.delimiter = "/"
                #expect(try await list(fixture, request).flatMap { $0 } == ["Z", "a", "b-", "b/", "c", "d/", "ä/", "\u{10FFFF}x"])
                request.prefix = "b/"
                #expect(try await list(fixture, request).flatMap { $0 } == ["b/1", "b/2", "b/c/"])
                request.delimiter = ""
                #expect(try await list(fixture, request).flatMap { $0 } == ["b/1", "b/2", "b/c/3", "b/c/4"])
                request.startAfter = "b/2"
                #expect(try await list(fixture, request).flatMap { $0 } == ["b/c/3", "b/c/4"])
                request.prefix = "d"
                request.delimiter = "//"
                #expect(try await list(fixture, request).flatMap { $0 } == ["d//"])
                request.prefix = "none"
                #expect(try await list(fixture, request) == [[]])
            }
        }
    }

    @Test("Tokens that are not ours, and other nonsense")
    func invalid() async throws {
        try await ObjectFixture.with { fixture async throws in
            var request = ObjectListRequest()
            for token in ["", "x", "!!", "AAAA"] {
                request.continuationToken = token
                #expect(
                    try await code { try await fixture.objects.objectList(fixture.context, bucket: fixture.bucket, request) }
                        == .invalidArgument)
            }
            request = ObjectListRequest()
            request.maximum = 1001
            #expect(
                try await code { try await fixture.objects.objectList(fixture.context, bucket: fixture.bucket, request) }
                    == .invalidArgument)
            request.maximum = 0
            #expect(try await fixture.objects.objectList(fixture.context, bucket: fixture.bucket, request) == ObjectPage())
        }
    }
}
