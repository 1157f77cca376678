import Platform
import PostgresClient

extension Store {
    /// Reads rows outside a transaction: a row that does not fit is a defect of ours.
    func decoding<T>(_ body: () throws -> T) throws -> T {
        do {
            return try body()
        } catch {
            throw Self.translated(error)
        }
    }

    /// What leaves the store: the database away or overloaded is worth a retry, anything else that
    /// nobody expected is a defect.
    ///
    /// The messages are also what `isTrouble` knows them by.
    static func translated(_ error: any Error) -> any Error {
        guard let error = error as? PostgresError else { return error }
        let context = "\(error)"
        switch error.kind {
        case .away, .closed:
            return SignalboxError.unavailable(troubles[0], context: context)
        case .deadline:
            return SignalboxError.unavailable(troubles[1], context: context)
        case .decoding:
            return SignalboxError.internal(context)
        case .server:
            if error.isPassing {
                return SignalboxError.unavailable(troubles[2], context: context)
            }
            return SignalboxError.internal(context)
        }
    }

    private static let troubles = [
        "The database is not reachable. Try again shortly.", "The database did not answer in time. Try again shortly.",
        "The database cannot serve the request now. Try again shortly.",
    ]

    /// Whether an error tells of the database's state, and nothing of what was to be done.
    public static func isTrouble(_ error: any Error) -> Bool {
        switch error {
        case let error as PostgresError: error.isPassing
        case let error as SignalboxError: troubles.contains(error.message)
        default: false
        }
    }
}
