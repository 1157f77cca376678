/// Waits until `condition` holds, looking every few milliseconds. Throws `TimedOut` after `limit`.
///
/// Tests wait for a condition, never for a time. The limit is for what will never come: hundreds of tests share two
/// processors, so it is generous.
public func eventually(
    _ what: String = "the condition", within limit: Duration = .seconds(60),
    _ condition: @Sendable () async throws -> Bool
) async throws {
    let deadline = ContinuousClock.now.advanced(by: limit)
    while try await !condition() {
        guard ContinuousClock.now < deadline else { throw TimedOut(description: "\(what) did not come true within \(limit)") }
        try await Task.sleep(for: .milliseconds(5))
    }
}

public struct TimedOut: Error, CustomStringConvertible {
    public let description: String
}
