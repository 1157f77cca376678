public struct PostgresNotification: Sendable, Equatable {
    public enum Event: Sendable, Equatable {
        case payload(channel: String, payload: String)
        /// LISTEN is in force: for the first time, or again after the connection was lost.
        /// Notifications before it may have been missed, so read everything now.
        case resumed
    }
}
