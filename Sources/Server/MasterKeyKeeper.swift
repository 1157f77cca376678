import Logging
import Platform
import PostgresClient
import Store

/// Follows the master keys: takes over what the database says is the current one, and seals anew what is under older ones.
///
/// A notification wakes it, a slow timer makes good for one that was missed. Any number of replicas may do so at once.
struct MasterKeyKeeper: Sendable {
    let store: Store
    /// The replica's id.
    let replica: String
    let logger: Logger
    /// Between two looks without a notification.
    var period = Duration.seconds(60)

    /// Until cancelled.
    func run() async {
        let events = store.postgres.notifications([Channels.masterKey])
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                for await _ in events { await look() }
            }
            group.addTask {
                while (try? await Task.sleep(for: period)) != nil { await look() }
            }
        }
    }

    /// Once, now.
    func look() async {
        let context = OperationContext.background("master keys", logger: logger)
        do {
            try await store.masterKeySync(context, replica: replica)
            var total = 0
            while true {
                let done = try await store.masterKeyReseal(context)
                total += done
                guard done > 0, !Task.isCancelled else { break }
            }
            if total > 0 { logger.notice("sealed anew under master key \(store.secrets.keyID): \(total) values") }
        } catch {
            logger.warning("master keys", metadata: ["error": "\(error)"])
        }
    }
}
