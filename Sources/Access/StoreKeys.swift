import PostgresClient
public import Store

/// The database as the source of access keys.
extension Store: AccessKeySource {
    public func accessKeyNotices() -> AsyncStream<AccessKeyNotice> {
        let events = postgres.notifications([Channels.key])
        return AsyncStream { continuation in
            let task = Task {
                for await event in events {
                    switch event {
                    case .resumed: continuation.yield(.resynchronise)
                    case .payload(_, let keyID): continuation.yield(.changed(keyID: keyID))
                    }
                }
                continuation.finish()
            }
            continuation.onTermination = { _ in task.cancel() }
        }
    }
}
