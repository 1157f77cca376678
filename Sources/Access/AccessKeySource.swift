public import Platform
public import Store

/// Where access keys come from: the database.
public protocol AccessKeySource: Sendable {
    /// nil: no such key. A disabled key is returned as such. Throws `.unavailable` when nobody can tell.
    func accessKeyFetch(_ context: OperationContext, keyID: String) async throws -> AccessKeyRecord?
    /// What others changed, from now on.
    func accessKeyNotices() -> AsyncStream<AccessKeyNotice>
}

/// Access keys changed in the database.
public enum AccessKeyNotice: Sendable, Equatable {
    /// The key of that id was disabled, changed or deleted.
    case changed(keyID: String)
    /// Notices may have been missed: read everything.
    case resynchronise
}
