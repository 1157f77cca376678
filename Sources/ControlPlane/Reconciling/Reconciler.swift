import Platform
import Store

/// One step towards what the database says should be. It takes no input but the row's id, reads what
/// is true, and does the next thing; doing it twice does no harm.
protocol Reconciler: Sendable {
    func reconcile(_ c: OperationContext, _ item: WorkItem, subject: Int64) async throws -> ReconcilerOutcome
}

enum ReconcilerOutcome: Sendable, Equatable {
    /// Nothing is left to do. The row goes, unless its removal was committed with the last write.
    case done
    /// Committed with `workComplete` in the same transaction, so many seconds after it was asked for. nil: nothing
    /// came to its end.
    case committed(Transition?, after: Double)
    /// Not yet: look again after this time. `why` is for people.
    case later(Duration, why: String)
}

extension WorkItem {
    /// How often a preparation that fails for a passing reason is tried: about five minutes.
    static let patience = 12
    /// How often sessions are looked at again before a deletion counts as failed: about ten minutes.
    static let deletionPatience = 600

    /// Why a version is given up, when `body` throws and trying again would not help; nil when it does not throw. Throws what may
    /// pass by itself.
    func failure(of body: () async throws -> Void) async throws -> String? {
        do {
            try await body()
            return nil
        } catch let error as SignalboxError where error.kind == .agentFailed {
            return error.message
        } catch {
            guard !(error is CancellationError), attempts >= Self.patience else { throw error }
            let why = (error as? SignalboxError)?.message ?? "\(error)"
            return "The version could not be prepared, tried \(attempts) times: \(why)"
        }
    }

    /// For waiting on something that takes its own time: soon at first, then each second.
    var pollInterval: Duration { .milliseconds(min(1_000, 50 << min(max(attempts - 1, 0), 5))) }
}
