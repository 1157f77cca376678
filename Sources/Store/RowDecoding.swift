import AgentCoreModel
import Platform
import PostgresClient

extension Row {
    /// An integer column, such as a version's number.
    func number(_ column: StaticString) throws -> Int { Int(try int32(column)) }

    func numberOrNil(_ column: StaticString) throws -> Int? { try isNull(column) ? nil : number(column) }

    func status(_ column: StaticString) throws -> AgentRuntimeStatus {
        let text = try text(column)
        guard let status = AgentRuntimeStatus(rawValue: text) else {
            throw PostgresError(.decoding, "unknown status '\(text)'")
        }
        return status
    }
}

extension PostgresValue {
    static func statuses(_ statuses: [AgentRuntimeStatus]) -> Self { .textArray(statuses.map(\.rawValue)) }

    /// Milliseconds as bigint, for `$n * interval '1 millisecond'`.
    static func milliseconds(_ duration: Duration) -> Self {
        let parts = duration.components
        return .int(parts.seconds * 1_000 + parts.attoseconds / 1_000_000_000_000_000)
    }
}
