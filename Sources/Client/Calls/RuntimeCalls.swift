public import AgentCoreModel
import Platform

/// A runtime as people name it, resolved.
public struct RuntimeHandle: Sendable, Equatable {
    public var id: String
    public var arn: String
    /// nil when it was given by id or ARN.
    public var name: String?

    public init(id: String, arn: String, name: String? = nil) {
        self.id = id
        self.arn = arn
        self.name = name
    }
}

/// Control-plane calls on runtimes and versions. Answers are AWS-shaped JSON, so that members a newer
/// server adds are kept.
extension SignalboxClient {
    /// All runtimes that fit, through all pages. A server that does not know filters returns all.
    public func runtimeList(filter: ListFilter = ListFilter()) async throws -> [JSONValue] {
        try await pages("/runtimes/", query: filter.query, member: "agentRuntimes")
    }

    /// All versions of a runtime, newest first.
    public func versionList(_ id: String) async throws -> [JSONValue] {
        try await pages(path(id) + "versions/", member: "agentRuntimes")
    }

    /// - Parameter version: nil for the newest.
    public func runtimeFetch(_ id: String, version: String? = nil) async throws -> JSONValue {
        try await json("GET", path(id), query: version.map { [("version", $0)] } ?? [])
    }

    /// `request` is a CreateAgentRuntimeRequest; a client token is added.
    public func runtimeCreate(_ request: [String: JSONValue]) async throws -> JSONValue {
        try await json("PUT", "/runtimes/", body: withToken(request))
    }

    /// `request` is an UpdateAgentRuntimeRequest without the id. It replaces the whole configuration.
    public func runtimeUpdate(_ id: String, _ request: [String: JSONValue]) async throws -> JSONValue {
        try await json("PUT", path(id), body: withToken(request))
    }

    public func runtimeDelete(_ id: String) async throws -> JSONValue {
        try await json("DELETE", path(id), query: [("clientToken", Identifier.uuid())])
    }

    /// Finds a runtime by name, id or ARN. Throws ``ClientError/failed(_:)`` naming what there is when a name is unknown.
    public func runtimeResolve(_ reference: String) async throws -> RuntimeHandle {
        if reference.hasPrefix("arn:") {
            do {
                let arn = try RuntimeARN(parsing: reference)
                return RuntimeHandle(id: arn.runtimeID, arn: reference)
            } catch {
                throw ClientError.failed("'\(reference)' is not the ARN of a runtime")
            }
        }
        // Names have no hyphen, ids always do (contract §3).
        if reference.contains("-") {
            let runtime = try await runtimeFetch(reference)
            return RuntimeHandle(id: reference, arn: try runtime.required("agentRuntimeArn"))
        }
        guard let handle = try await runtimeFind(name: reference) else {
            let names = try await runtimeList().compactMap { $0["agentRuntimeName"]?.string }.sorted()
            let known = names.isEmpty ? "there is none yet" : "there are: " + names.prefix(20).joined(separator: ", ")
            throw ClientError.failed("no runtime is named '\(reference)'; \(known)")
        }
        return handle
    }

    /// The runtime of that name, if there is one.
    public func runtimeFind(name: String) async throws -> RuntimeHandle? {
        let runtime = try await runtimeList(filter: ListFilter(namePrefix: name)).first { $0["agentRuntimeName"]?.string == name }
        return try runtime.map {
            RuntimeHandle(id: try $0.required("agentRuntimeId"), arn: try $0.required("agentRuntimeArn"), name: name)
        }
    }

    /// Waits until the runtime is READY and returns it. Throws ``ClientError/failed(_:)`` with its failure reason.
    ///
    /// - Parameter onProgress: called for each reading with the status, and with what the server is doing, if it says so:
    ///   "CREATING, pulling: 3 of 40 MiB".
    public func runtimeWait(_ id: String, onProgress: (@Sendable (String) -> Void)? = nil) async throws -> JSONValue {
        var asksFurther = onProgress != nil
        return try await settle(what: "the runtime") {
            let runtime = try await runtimeFetch(id)
            let status = try runtime.required("status")
            guard asksFurther, ["CREATING", "UPDATING"].contains(status) else {
                onProgress?(status)
                return runtime
            }
            switch try await preparation(id) {
            case .text(let text): onProgress?("\(status), \(text)")
            case .nothing: onProgress?(status)
            case .unknown:
                asksFurther = false
                onProgress?(status)
            }
            return runtime
        }
    }

    private enum Preparation {
        case text(String)
        case nothing
        /// The server does not have this operation, or not for this key.
        case unknown
    }

    private func preparation(_ id: String) async throws -> Preparation {
        do {
            let answer = try await json("GET", "/_signalbox/v1/runtimes/\(PercentEncoding.encode(id))/preparation")
            return answer["preparation"]?.string.map { .text($0) } ?? .nothing
        } catch let error as ClientError where error.status.map({ (400..<500).contains($0) }) ?? false {
            return .unknown
        }
    }

    /// Waits until the runtime is no more. Throws ``ClientError/failed(_:)`` when its deletion fails.
    public func runtimeWaitUntilGone(_ id: String, onStatus: @Sendable (String) -> Void = { _ in }) async throws {
        do {
            while true {
                let runtime = try await runtimeFetch(id)
                let status = try runtime.required("status")
                onStatus(status)
                if status == "DELETE_FAILED" {
                    throw Self.failure("the runtime", status, runtime)
                }
                try await Task.sleep(for: .milliseconds(200))
            }
        } catch let error as ClientError where error.status == 404 {
            // Gone, as was wanted.
        }
    }

    /// Interpreters that sandboxes of this Signalbox have, by runtime: `["PYTHON_3_11": "/usr/bin/python3.11"]`.
    public func interpreters() async throws -> [String: String] {
        let answer = try await json("GET", "/_signalbox/v1/interpreters")
        return (answer["interpreters"]?.object ?? [:]).compactMapValues(\.string)
    }

    // MARK: Shared

    func path(_ runtimeID: String) -> String { "/runtimes/\(PercentEncoding.encode(runtimeID))/" }

    func withToken(_ request: [String: JSONValue]) -> JSONValue {
        var request = request
        // One token per call: a call that is sent again changes nothing twice.
        request["clientToken"] = .string(Identifier.uuid())
        return .object(request)
    }

    func pages(_ path: String, query: [(String, String)] = [], member: String) async throws -> [JSONValue] {
        var all: [JSONValue] = []
        var token: String?
        repeat {
            let page = try await json("POST", path, query: query + (token.map { [("nextToken", $0)] } ?? []))
            all += page[member]?.array ?? []
            token = page["nextToken"]?.string
        } while token != nil
        return all
    }

    private static func failure(_ what: String, _ status: String, _ resource: JSONValue) -> ClientError {
        .failed("\(what) is \(status)" + (resource["failureReason"]?.string.map { ": \($0)" } ?? ""))
    }

    /// Polls until READY, ever more slowly up to a second.
    func settle(
        what: String, onStatus: @Sendable (String) -> Void = { _ in }, _ fetch: () async throws -> JSONValue
    ) async throws -> JSONValue {
        var pause = Duration.milliseconds(50)
        while true {
            let resource = try await fetch()
            let status = try resource.required("status")
            onStatus(status)
            switch status {
            case "READY": return resource
            case "CREATING", "UPDATING": break
            default:
                throw Self.failure(what, status, resource)
            }
            try await Task.sleep(for: pause)
            pause = min(pause * 3 / 2, .seconds(1))
        }
    }
}

extension JSONValue {
    /// A string that the contract promises.
    public func required(_ member: String) throws -> String {
        guard let value = self[member]?.string else {
            throw ClientError.unexpected("the server's answer lacks '\(member)'")
        }
        return value
    }
}
