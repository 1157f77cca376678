import Crypto
import Logging
public import Platform
import PostgresClient
import Synchronization

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

#if canImport(Glibc)
import Glibc
#endif

/// Unpacked bundles on disk, one directory for each archive's SHA-256. A cache: all of it can be made
/// again from PostgreSQL.
///
/// A directory under its final name is whole, checked and on disk. Files are 0644 or 0755 and owned
/// by the server's user, so a sandbox's own user can read and not write; the engine mounts the tree
/// read-only besides.
public final class BundleCache: Sendable {
    let directory: String
    private let objects: ObjectStore
    private let limits: ArchiveLimits
    let work = BlockingWork()
    private let flights = Mutex<[String: Task<String, any Error>]>([:])

    /// `directory`: absolute; made when missing.
    public init(directory: String, objects: ObjectStore, limits: ArchiveLimits = ArchiveLimits()) {
        self.directory = directory
        self.objects = objects
        self.limits = limits
    }

    /// Makes the directory and removes what a crash left in it. To be called once at start.
    public func prepare() async throws {
        try await work.run { [directory] in
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
            guard chmod(directory, 0o711) == 0 else {
                throw ArchiveError(.inputOutput, "The server can't use \(directory): \(systemMessage(errno)).")
            }
            try BundleWorkspace.removeLeftovers(in: directory)
        }
    }

    /// Absolute path of the unpacked tree. Any number of callers share one unpacking, which goes on
    /// when a caller is cancelled.
    ///
    /// Throws `ArchiveError` for an archive that is refused or can't be written, and
    /// `SignalboxError.unavailable` while the database is away.
    public func bundle(_ context: OperationContext, _ artifact: ArtifactReference) async throws -> String {
        guard bytes(hex: artifact.sha256)?.count == SHA256.byteCount else {
            throw SignalboxError.internal("'\(artifact.sha256)' is not a SHA-256")
        }
        let path = directory + "/" + artifact.sha256.lowercased()
        if access(path, R_OK) == 0 { return path }
        // Not under the caller's deadline: others may wait for the same bundle longer.
        let context = OperationContext.background("bundle", logger: context.logger, clock: context.clock)
        return try await flight(path) { try await self.make(context, artifact, path) }
    }

    /// Whether `bundle` has nothing to do.
    public func isUnpacked(_ artifact: ArtifactReference) -> Bool {
        access(directory + "/" + artifact.sha256.lowercased(), R_OK) == 0
    }

    /// What `body` returns, run once for all who ask for `name` at the same time, in a task of its
    /// own: it goes on when a caller is cancelled.
    func flight(_ name: String, _ body: @escaping @Sendable () async throws -> String) async throws -> String {
        let flight = flights.withLock { running in
            if let flight = running[name] { return flight }
            let flight = Task {
                defer { self.flights.withLock { $0[name] = nil } }
                return try await body()
            }
            running[name] = flight
            return flight
        }
        return try await flight.value
    }

    /// Waits for unpackings and compilations under way, so that a shutdown cuts none short.
    public func finish() async {
        for flight in flights.withLock({ Array($0.values) }) { _ = await flight.result }
    }

    func makeWorkspace(_ artifact: ArtifactReference) async throws -> BundleWorkspace {
        try await work.run { [directory] in
            try BundleWorkspace(in: directory, name: artifact.sha256 + "-" + Identifier.alphanumeric(8))
        }
    }

    private func make(_ context: OperationContext, _ artifact: ArtifactReference, _ path: String) async throws -> String {
        guard artifact.size <= limits.archiveBytes else {
            throw ArchiveError(
                .tooLarge,
                "The zip has \(megabytes(artifact.size)); at most \(megabytes(limits.archiveBytes)) are allowed. Leave out what the agent does not need."
            )
        }
        let started = context.clock.now()
        let workspace = try await makeWorkspace(artifact)
        do {
            try await fetch(artifact, into: workspace)
            try await Failpoint.hit(.bundleFetched)
            try await work.run { [limits] in try workspace.unpack(limits) }
            try await Failpoint.hit(.bundleUnpacked)
            try await work.run {
                try workspace.removeNotes(of: path)
                try workspace.publish(as: path)
            }
            try await work.run { workspace.remove() }
        } catch {
            _ = try? await work.run { workspace.remove() }
            throw error
        }
        context.logger.info(
            "bundle unpacked", metadata: ["sha256": "\(artifact.sha256)", "took": "\(context.clock.now() - started)"])
        return path
    }

    /// Writes the archive beside its tree-to-be and checks that it is the one that was uploaded.
    private func fetch(_ artifact: ArtifactReference, into workspace: BundleWorkspace) async throws {
        let descriptor = try await work.run { try workspace.createArchive() }
        defer { close(descriptor) }
        var hash = SHA256()
        var length: Int64 = 0
        do {
            for try await chunk in objects.artifactBytes(artifact) {
                hash.update(data: chunk)
                length += Int64(chunk.count)
                try await work.run {
                    let result = chunk.withUnsafeBytes { buffer in
                        Result { () throws(ArchiveError) in try writeAll(buffer, to: descriptor, named: "the archive") }
                    }
                    try result.get()
                }
            }
        } catch let error as PostgresError where error.isPassing {
            throw SignalboxError.unavailable("The database is away; the bundle can't be read.", context: "\(error)")
        }
        guard length == artifact.size, hex(hash.finalize()) == artifact.sha256.lowercased() else {
            throw SignalboxError.internal("artifact \(artifact.id) does not have the SHA-256 \(artifact.sha256) it is stored under")
        }
    }
}
