public import Access
public import AgentCoreModel
import Platform
public import Store

/// Access keys of the caller's account, and temporary credentials. Accounts are made on the host alone.
public struct AccessRoutes: Sendable {
    let store: Store
    let authenticator: Authenticator

    public init(store: Store, authenticator: Authenticator) {
        self.store = store
        self.authenticator = authenticator
    }

    /// Seconds that a rotated key stays good unless something else is said: a day.
    public static let defaultGrace = 86_400

    var routes: [ControlRoute] { [list, create, change(disables: true), change(disables: false), rotate, delete, session] }

    private var list: ControlRoute {
        ControlRoute(.listAccessKeys, .role(.administer)) { call, _ in
            let keys = try await store.accessKeyList(call.context, account: call.context.account)
            return ControlRoute.Answer(body: .object(["AccessKeys": .array(keys.map { JSONValue($0) })]))
        }
    }

    private var create: ControlRoute {
        ControlRoute(.createAccessKey, .role(.administer)) { call, _ in
            try Self.refuseTemporary(call)
            let members = try call.members(["role"])
            let role = try members.role() ?? .admin
            let made = try await store.accessKeyCreate(call.context, account: call.context.account, role: role)
            return ControlRoute.Answer(body: JSONValue(made))
        }
    }

    private func change(disables: Bool) -> ControlRoute {
        ControlRoute(disables ? .disableAccessKey : .enableAccessKey, .role(.administer)) { call, parameters in
            try Self.refuseTemporary(call)
            let keyID = parameters["accessKeyId"] ?? ""
            _ = try call.members([])
            if disables { try Self.refuseOwn(call, keyID) }
            let account = call.context.account
            let isThere =
                disables
                ? try await store.accessKeyDisable(call.context, account: account, keyID: keyID)
                : try await store.accessKeyEnable(call.context, account: account, keyID: keyID)
            guard isThere else { throw Self.noKey(keyID) }
            return ControlRoute.Answer(body: .object(["AccessKeyId": .string(keyID), "Status": .string(disables ? "Inactive" : "Active")]))
        }
    }

    private var rotate: ControlRoute {
        ControlRoute(.rotateAccessKey, .role(.administer)) { call, parameters in
            try Self.refuseTemporary(call)
            let members = try call.members(["graceSeconds"])
            let grace = try members.number("graceSeconds", Operation.graceSeconds) ?? Self.defaultGrace
            let made = try await store.accessKeyRotate(
                call.context, account: call.context.account, keyID: parameters["accessKeyId"] ?? "", graceSeconds: grace)
            return ControlRoute.Answer(body: JSONValue(made))
        }
    }

    private var delete: ControlRoute {
        ControlRoute(.deleteAccessKey, .role(.administer)) { call, parameters in
            try Self.refuseTemporary(call)
            let keyID = parameters["accessKeyId"] ?? ""
            try Self.refuseOwn(call, keyID)
            guard try await store.accessKeyDelete(call.context, account: call.context.account, keyID: keyID) else {
                throw Self.noKey(keyID)
            }
            return ControlRoute.Answer(body: .object([:]))
        }
    }

    private var session: ControlRoute {
        ControlRoute(.createSessionToken, .role(.read)) { call, _ in
            let members = try call.members(["durationSeconds", "role"])
            let role = try members.role()
            let seconds = try members.number("durationSeconds", SessionTokens.lifetimes) ?? 3600
            return ControlRoute.Answer(
                body: JSONValue(try authenticator.makeSession(call.context.principal, role: role, seconds: seconds)))
        }
    }

    /// What ends by itself must not leave behind what doesn't.
    private static func refuseTemporary(_ call: AuthenticatedRequest) throws(SignalboxError) {
        guard !call.context.principal.isTemporary else {
            throw .accessDenied("Access keys cannot be changed with session credentials.")
        }
    }

    private static func refuseOwn(_ call: AuthenticatedRequest, _ keyID: String) throws(SignalboxError) {
        guard keyID != call.context.principal.accessKeyID else {
            throw .conflict("Access key '\(keyID)' signed this request; use another administrator's to end it.")
        }
    }

    private static func noKey(_ keyID: String) -> SignalboxError { .notFound("Access key '\(keyID)' was not found.") }
}

extension JSONValue {
    /// As routes and commands show a key.
    public init(_ key: AccessKeySummary) {
        var members: [String: JSONValue] = [
            "AccessKeyId": .string(key.keyID), "Account": .string(key.account), "Role": .string(key.role.rawValue),
            "Status": .string(key.isDisabled ? "Inactive" : "Active"), "CreateDate": .string("\(WireTimestamp(key.createdAt))"),
        ]
        members["ExpirationDate"] = key.expiresAt.map { .string("\(WireTimestamp($0))") }
        members["ReplacedBy"] = key.replacedBy.map { .string($0) }
        self = .object(members)
    }

    /// A key just made, with its secret: shown this once.
    public init(_ key: AccessKeyRecord) {
        self = .object([
            "AccessKeyId": .string(key.keyID), "SecretAccessKey": .string(key.secret), "Account": .string(key.account),
            "Role": .string(key.role.rawValue),
        ])
    }

    /// As programs expect it that the SDKs run for credentials (`credential_process`).
    public init(_ session: SessionCredentials) {
        self = .object([
            "Version": .integer(1), "AccessKeyId": .string(session.accessKeyID), "SecretAccessKey": .string(session.secret),
            "SessionToken": .string(session.token), "Expiration": .string("\(WireTimestamp(session.expiresAt))"),
            "Role": .string(session.role.rawValue),
        ])
    }
}

/// The few members that bodies of these routes have.
struct SmallBody {
    private let members: [String: JSONValue]

    fileprivate init(_ members: [String: JSONValue]) { self.members = members }

    func role() throws(SignalboxError) -> Principal.Role? {
        guard let value = members["role"] else { return nil }
        guard let role = value.string.flatMap(Principal.Role.init(rawValue:)) else {
            throw Self.failure(
                "role", "Member must satisfy enum value set: [\(Principal.Role.allCases.map(\.rawValue).joined(separator: ", "))]")
        }
        return role
    }

    func number(_ name: String, _ range: ClosedRange<Int>) throws(SignalboxError) -> Int? {
        guard let value = members[name] else { return nil }
        guard let number = value.integer.flatMap({ Int(exactly: $0) }), range.contains(number) else {
            throw Self.failure(name, "Member must be a whole number between \(range.lowerBound) and \(range.upperBound)")
        }
        return number
    }

    static func failure(_ name: String, _ message: String) -> SignalboxError {
        .validation(
            "1 validation error detected: Value at '\(name)' failed to satisfy constraint: \(message)",
            fields: [FieldFailure(name: name, message: message)])
    }
}

extension AuthenticatedRequest {
    /// The members of a body that is an object, or nothing. Others than `known` are refused: what they ask for would not be
    /// done.
    func members(_ known: [String]) throws(SignalboxError) -> SmallBody {
        guard !body.isEmpty else { return SmallBody([:]) }
        try checkMediaType()
        guard let members = (try? JSONValue(parsing: body))?.object else {
            throw .validation("The request body is not a JSON object.", reason: .cannotParse)
        }
        if let name = members.keys.sorted().first(where: { !known.contains($0) }) {
            throw SmallBody.failure(name, "Member is not known to this operation")
        }
        return SmallBody(members)
    }
}
