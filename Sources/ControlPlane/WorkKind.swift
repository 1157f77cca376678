/// What the reconcilers are asked to look at. The subject is a row id.
enum WorkKind: String, CaseIterable, Sendable {
    /// Version: probe it; then it, its runtime and DEFAULT are READY, or have failed.
    case prepareVersion = "prepare-version"
    /// Pinned endpoint: its target goes live.
    case settleEndpoint = "settle-endpoint"
    /// Endpoint in status DELETING: its sessions end, then it goes.
    case removeEndpoint = "remove-endpoint"
    /// Runtime in status DELETING: its sessions end, then it goes with all it has.
    case removeRuntime = "remove-runtime"
    /// Version in status DELETING.
    case removeVersion = "remove-version"
}
