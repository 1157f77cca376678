import Logging
public import Platform
import PostgresClient
import Synchronization

/// Removes what nobody can reach any more: uploads that never ended, and artifacts that no object,
/// part or version points to.
///
/// An unreferenced artifact goes only when this sweeper saw it unreferenced long enough ago, so that
/// whoever still reads it has time to finish. Several replicas may sweep: foreign keys stop a
/// deletion that a new reference overtook.
public final class ArtifactSweeper: Sendable {
    /// A multipart upload that nobody completed or aborted.
    private static let abandonedUploadSeconds = 7.0 * 86_400
    private let objects: ObjectStore
    private let seen = Mutex<[Int64: ContinuousClock.Instant]>([:])

    public init(objects: ObjectStore) { self.objects = objects }

    /// Sweeps every `interval` until cancelled.
    public func run(_ context: OperationContext, every interval: Duration = .seconds(600)) async {
        while !Task.isCancelled {
            do {
                try await sweep(context)
            } catch {
                context.logger.info("sweep of artifacts put off", metadata: ["error": "\(error)"])
            }
            do { try await context.clock.sleep(for: interval) } catch { return }
        }
    }

    /// One pass; returns how many artifacts went.
    @discardableResult
    public func sweep(_ context: OperationContext) async throws -> Int {
        let postgres = objects.postgres
        var removed = try await postgres.queryPinned(
            "delete from artifact where state = 'uploading' and created_at < now() - make_interval(secs => $1)",
            [.double(objects.limits.staleSeconds)], deadline: .now + ArtifactWriter.deletionLimit
        ).affectedRows
        try await postgres.queryPinned(
            "delete from multipart_upload where created_at < now() - make_interval(secs => $1)",
            [.double(Self.abandonedUploadSeconds)], deadline: nil)
        let unreferenced = try await postgres.queryPinned(
            """
            select id from artifact a where state = 'complete'
                and not exists (select from bucket_object where artifact = a.id)
                and not exists (select from multipart_part where artifact = a.id)
                and not exists (select from agent_runtime_version where artifact = a.id)
            limit 10000
            """, [], deadline: nil
        ).rows.map { try $0.int("id") }
        for artifact in due(unreferenced, now: context.clock.now()) {
            do {
                removed += try await postgres.queryPinned(
                    "delete from artifact where id = $1", [.int(artifact)], deadline: .now + ArtifactWriter.deletionLimit
                ).affectedRows
            } catch let error as PostgresError where error.isForeignKeyViolation {
                context.logger.debug("artifact is in use again", metadata: ["artifact": "\(artifact)"])
            }
        }
        return removed
    }

    /// Those seen unreferenced for the whole grace; remembers the others.
    private func due(_ unreferenced: [Int64], now: ContinuousClock.Instant) -> [Int64] {
        let grace = Duration.seconds(objects.limits.staleSeconds)
        return seen.withLock { seen in
            let known = seen
            seen = Dictionary(unreferenced.map { ($0, known[$0] ?? now) }, uniquingKeysWith: { first, _ in first })
            return unreferenced.filter { artifact in seen[artifact].map { now - $0 >= grace } ?? false }
        }
    }
}
