import AgentCoreModel
import Platform
public import Store

/// The use cases of the control plane: way 1 of docs/architecture.md, up to the 202.
///
/// Each change is one transaction, in this order: replay of a client token, quota, state, writes,
/// work for the reconcilers. What follows is theirs (`Reconcilers`).
public struct ControlPlane: Sendable {
    let store: Store
    let quotas: ControlPlaneQuotas

    public init(store: Store, quotas: ControlPlaneQuotas = ControlPlaneQuotas()) {
        self.store = store
        self.quotas = quotas
    }
}

/// How much one account may have. AWS's defaults (contract §13), but for endpoints: its ten are there
/// to be raised, and on a machine of one's own nobody does it.
public struct ControlPlaneQuotas: Sendable, Equatable {
    /// Runtimes of an account in a region.
    public var runtimes = 1000
    /// Versions of a runtime.
    public var versions = 1000
    /// Endpoints of a runtime, DEFAULT included.
    public var endpoints = 100

    public init() {}
}

extension ControlPlane {
    /// The caller's endpoint, locked, new sessions held back, to the end of the transaction.
    func lockEndpoint(
        _ c: OperationContext, _ tx: StoreTransaction, _ runtime: RuntimeRecord, _ name: String
    ) async throws -> EndpointRecord {
        guard let endpoint = try await store.endpointFetchForUpdate(c, in: tx, runtime: runtime.id, name: name) else {
            throw Self.noEndpoint(name, runtime.runtimeID)
        }
        return endpoint
    }

    static func noRuntime(_ id: String) -> SignalboxError { .notFound("Agent runtime '\(id)' was not found.") }

    static func noVersion(_ version: Int, _ runtimeID: String) -> SignalboxError {
        .notFound("Version '\(version)' of agent runtime '\(runtimeID)' was not found.")
    }

    static func noEndpoint(_ name: String, _ runtimeID: String) -> SignalboxError {
        .notFound("Endpoint '\(name)' of agent runtime '\(runtimeID)' was not found.")
    }

    static func quota(_ what: String, _ limit: Int) -> SignalboxError {
        .quotaExceeded("The limit of \(limit) \(what) has been reached.")
    }

    /// The number of a version's wire form, which the decoder has checked.
    static func number(_ version: String) throws(SignalboxError) -> Int {
        guard let number = WireID.versionNumber(version) else { throw .internal("'\(version)' is not a version") }
        return number
    }
}
