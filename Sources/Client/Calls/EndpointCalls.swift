public import AgentCoreModel
import Platform

/// Control-plane calls on endpoints.
extension SignalboxClient {
    /// All endpoints of a runtime that fit.
    public func endpointList(_ runtime: String, filter: ListFilter = ListFilter()) async throws -> [JSONValue] {
        try await pages(path(runtime) + "runtime-endpoints/", query: filter.query, member: "runtimeEndpoints")
    }

    public func endpointFetch(_ runtime: String, _ name: String) async throws -> JSONValue {
        try await json("GET", path(runtime, name))
    }

    /// - Parameter version: nil for the newest that is READY.
    public func endpointCreate(
        _ runtime: String, _ name: String, version: String? = nil, description: String? = nil
    ) async throws -> JSONValue {
        var request: [String: JSONValue] = ["name": .string(name)]
        request["agentRuntimeVersion"] = version.map { .string($0) }
        request["description"] = description.map { .string($0) }
        return try await json("PUT", path(runtime) + "runtime-endpoints/", body: withToken(request))
    }

    /// Points an endpoint at another version.
    public func endpointSwitch(
        _ runtime: String, _ name: String, to version: String, description: String? = nil
    ) async throws -> JSONValue {
        var request: [String: JSONValue] = ["agentRuntimeVersion": .string(version)]
        request["description"] = description.map { .string($0) }
        return try await json("PUT", path(runtime, name), body: withToken(request))
    }

    /// Points an endpoint back at the version that was READY before.
    ///
    /// - Parameter stopSessions: ends sessions still pinned to the version that is left.
    public func endpointRollback(_ runtime: String, _ name: String, stopSessions: Bool) async throws -> JSONValue {
        try await json(
            "POST", "/_signalbox/v1" + path(runtime, name) + "rollback", body: withToken(["stopSessions": .bool(stopSessions)]))
    }

    public func endpointDelete(_ runtime: String, _ name: String) async throws -> JSONValue {
        try await json("DELETE", path(runtime, name), query: [("clientToken", Identifier.uuid())])
    }

    /// Waits until the endpoint is READY and returns it. Throws ``ClientError/failed(_:)`` with its failure reason.
    public func endpointWait(
        _ runtime: String, _ name: String, onStatus: @Sendable (String) -> Void = { _ in }
    ) async throws -> JSONValue {
        try await settle(what: "endpoint \(name)", onStatus: onStatus) { try await endpointFetch(runtime, name) }
    }

    private func path(_ runtime: String, _ name: String) -> String {
        path(runtime) + "runtime-endpoints/\(PercentEncoding.encode(name))/"
    }
}
