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
    static func translated(_ error: any Error) -> any Error {
        guard let error = error as? PostgresError else { return error }
        let context = "\(error)"
        switch error.kind {
        case .away, .closed:
            return SignalboxError.unavailable("The database is not reachable. Try again shortly.", context: context)
        case .deadline:
            return SignalboxError.unavailable("The database did not answer in time. Try again shortly.", context: context)
        case .decoding:
            return SignalboxError.internal(context)
        case .server:
            if error.isPassing {
                return SignalboxError.unavailable("The database cannot serve the request now. Try again shortly.", context: context)
            }
            return SignalboxError.internal(context)
        }
    }
}
