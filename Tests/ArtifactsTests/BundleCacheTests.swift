import Foundation
import Platform
import PostgresClient
import TestSupport
import Testing

@testable import Artifacts

@Suite("Unpacked bundles")
struct BundleCacheTests {
    /// A cache in a directory of its own, and the artifact of a small zip.
    func with(
        _ zip: ZipBuilder = ZipBuilder([.init("main.py", "print(1)"), .init("pkg/a.py", "a")]),
        _ body: @escaping @Sendable (ObjectFixture, String, ArtifactReference) async throws -> Void
    ) async throws {
        let directory = NSTemporaryDirectory() + "/bundles-" + Identifier.alphanumeric(10)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let bytes = zip.build()
        try await ObjectFixture.with { fixture async throws in
            let record = try await fixture.put("a.zip", bytes)
            try await body(fixture, directory, record.artifact)
        }
    }

    @Test("Unpacked once for many callers; kept; nothing else is left in the directory")
    func once() async throws {
        try await with { fixture, directory, artifact async throws in
            let caches = [
                BundleCache(directory: directory, objects: fixture.objects), BundleCache(directory: directory, objects: fixture.objects),
            ]
            for cache in caches { try await cache.prepare() }
            let paths = try await withThrowingTaskGroup(of: String.self) { group in
                for number in 0..<20 { group.addTask { try await caches[number % 2].bundle(fixture.context, artifact) } }
                return try await group.reduce(into: Set<String>()) { $0.insert($1) }
            }
            #expect(paths == [directory + "/" + artifact.sha256])
            #expect(try FileManager.default.contentsOfDirectory(atPath: directory) == [artifact.sha256])
            #expect(try String(contentsOfFile: directory + "/" + artifact.sha256 + "/pkg/a.py", encoding: .utf8) == "a")
            // Not from the database any more.
            try await fixture.client.query("delete from artifact_chunk")
            #expect(try await caches[0].bundle(fixture.context, artifact) == paths.first)
        }
    }

    @Test("A refused archive, a wrong hash and a missing chunk leave nothing")
    func refused() async throws {
        try await with(ZipBuilder([.init("../evil", "x")])) { fixture, directory, artifact async throws in
            let cache = BundleCache(directory: directory, objects: fixture.objects)
            try await cache.prepare()
            await #expect(throws: ArchiveError.self) { try await cache.bundle(fixture.context, artifact) }
            var wrong = artifact
            wrong.sha256 = String(repeating: "0", count: 64)
            await #expect(throws: SignalboxError.self) { try await cache.bundle(fixture.context, wrong) }
            wrong.sha256 = "../escape"
            await #expect(throws: SignalboxError.self) { try await cache.bundle(fixture.context, wrong) }
            try await fixture.client.query("delete from artifact_chunk")
            await #expect(throws: (any Error).self) { try await cache.bundle(fixture.context, artifact) }
            #expect(try FileManager.default.contentsOfDirectory(atPath: directory).isEmpty)
        }
    }

    @Test("What a crash left goes at the next start; what another process works on stays")
    func leftovers() async throws {
        try await with { fixture, directory, _ async throws in
            let cache = BundleCache(directory: directory, objects: fixture.objects)
            try await cache.prepare()
            let stale = directory + "/" + BundleWorkspace.prefix + "stale"
            try FileManager.default.createDirectory(atPath: stale + "/tree/deep", withIntermediateDirectories: true)
            let working = try BundleWorkspace(in: directory, name: "working")
            try await cache.prepare()
            #expect(!FileManager.default.fileExists(atPath: stale))
            #expect(FileManager.default.fileExists(atPath: working.path))
            working.remove()
            #expect(try FileManager.default.contentsOfDirectory(atPath: directory).isEmpty)
        }
    }
}
