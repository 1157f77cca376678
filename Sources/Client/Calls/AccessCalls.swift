public import AgentCoreModel
import AsyncHTTPClient
import Platform

/// Access keys of the caller's account, and temporary credentials.
extension SignalboxClient {
    private static let prefix = "/_signalbox/v1"

    public func keyList() async throws -> JSONValue { try await json("GET", Self.prefix + "/keys") }

    /// The answer holds the secret, which nobody shows again.
    public func keyCreate(role: String) async throws -> JSONValue { try await once("/keys", ["role": .string(role)]) }

    /// - Parameter graceSeconds: How long the old key stays good.
    public func keyRotate(_ keyID: String, graceSeconds: Int) async throws -> JSONValue {
        try await once(pathOfKey(keyID) + "/rotate", ["graceSeconds": .integer(Int64(graceSeconds))])
    }

    public func keyDisable(_ keyID: String) async throws { _ = try await json("POST", Self.prefix + pathOfKey(keyID) + "/disable") }

    public func keyEnable(_ keyID: String) async throws { _ = try await json("POST", Self.prefix + pathOfKey(keyID) + "/enable") }

    public func keyDelete(_ keyID: String) async throws { _ = try await json("DELETE", Self.prefix + pathOfKey(keyID)) }

    /// Temporary credentials, as `credential_process` programs print them.
    ///
    /// - Parameter role: nil: the key's own.
    public func sessionCredentials(role: String?, seconds: Int) async throws -> JSONValue {
        var request: [String: JSONValue] = ["durationSeconds": .integer(Int64(seconds))]
        request["role"] = role.map { .string($0) }
        return try await once("/session-tokens", request)
    }

    private func pathOfKey(_ keyID: String) -> String { "/keys/" + PercentEncoding.encode(keyID) }

    /// Sends once: a second time would make a second key.
    private func once(_ path: String, _ body: [String: JSONValue]) async throws -> JSONValue {
        let call = SignedCall(
            method: "POST", base: connection.controlPlane, path: Self.prefix + path, headers: [("content-type", "application/json")],
            body: JSONValue.object(body).bytes())
        let bytes = try await stream(call, timeout: .seconds(60)).body.collect(upTo: 1 << 20)
        do {
            return try JSONValue(parsing: Array(buffer: bytes))
        } catch {
            throw ClientError.unexpected("\(connection.controlPlane) answered POST \(path) with something that is not JSON: \(error)")
        }
    }
}
