public import Platform

/// A resource policy, parsed: what is not understood was refused, so that nothing in it is ever ignored.
///
/// Patterns of actions are resolved to the actions they match, and conditions to typed values, so that
/// evaluation costs little: it happens on the path of invocations.
public struct PolicyDocument: Sendable, Equatable {
    public enum Effect: String, Sendable, Equatable {
        case allow = "Allow"
        case deny = "Deny"
    }

    public struct Statement: Sendable, Equatable {
        public var sid: String?
        public var effect: Effect
        public var principals: [PolicyPrincipal]
        public var actions: Set<PolicyAction>
        /// All must hold.
        var conditions: [PolicyCondition]
    }

    public var statements: [Statement]

    /// Bytes of a policy's text (contract §3).
    public static let maximumLength = 20_480

    /// For a stored text that this release cannot read: a policy that is not understood allows nothing.
    public static let unreadable = PolicyDocument(
        statements: [
            Statement(
                sid: "Unreadable", effect: .deny, principals: [.everyone], actions: Set(PolicyAction.allCases), conditions: [])
        ])

    /// A policy as `init(parsing:for:)` accepted it before, perhaps in another release.
    public init(stored text: String) {
        do {
            self = try PolicyParser.parse(text, for: nil)
        } catch {
            self = .unreadable
        }
    }

    /// A policy that is to be attached to a runtime or an endpoint. Throws one ValidationException that
    /// names all that is wrong with it.
    public init(parsing text: String, for resource: ResourceARN) throws(SignalboxError) {
        self = try PolicyParser.parse(text, for: resource)
    }

    init(statements: [Statement]) { self.statements = statements }
}

/// Whom a statement is about.
public enum PolicyPrincipal: Sendable, Hashable {
    case everyone
    /// Every access key of an account. As in IAM, an Allow for the whole account only lets it share out
    /// what its own roles permit.
    case account(String)
    /// One access key: `arn:aws:iam::<account>:user/<access key id>`.
    case key(account: String, id: String)
    /// The access keys with a role: `arn:aws:iam::<account>:role/<admin|operator|invoker|viewer>`.
    case role(account: String, Principal.Role)

    /// Forms that are not known here are refused, with the reason.
    init(_ text: String) throws(PolicyProblem) {
        if text == "*" {
            self = .everyone
            return
        }
        if WireID.isAccount(text) {
            self = .account(text)
            return
        }
        let parts = text.split(separator: ":", maxSplits: 5, omittingEmptySubsequences: false)
        guard parts.count == 6, parts[0] == "arn", parts[1] == "aws", parts[2] == "iam", parts[3].isEmpty, WireID.isAccount(parts[4])
        else { throw PolicyProblem("the principal '\(text)' is not '*', an account's twelve digits or an IAM ARN") }
        let account = String(parts[4])
        let name = parts[5].split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        switch (name[0], name.count) {
        case ("root", 1): self = .account(account)
        case ("user", 2) where Self.isKeyID(name[1]): self = .key(account: account, id: String(name[1]))
        case ("role", 2):
            guard let role = Principal.Role(rawValue: String(name[1])) else {
                let known = Principal.Role.allCases.map(\.rawValue).joined(separator: ", ")
                throw PolicyProblem("the principal '\(text)' names no role of an access key; the roles are \(known)")
            }
            self = .role(account: account, role)
        default:
            throw PolicyProblem("the principal '\(text)' is of a form that is not supported: root, user/<access key id>, role/<role>")
        }
    }

    private static func isKeyID(_ text: Substring) -> Bool {
        (1...128).contains(text.utf8.count) && text.utf8.allSatisfy { WireID.isLetter($0) || WireID.isDigit($0) || $0 == UInt8(ascii: "_") }
    }

    func matches(_ principal: Principal) -> Bool {
        switch self {
        case .everyone: true
        case .account(let account): account == principal.account
        case .key(let account, let id): account == principal.account && id == principal.accessKeyID
        case .role(let account, let role): account == principal.account && role == principal.role
        }
    }
}

/// Something in a policy that is wrong or not supported; for the caller.
struct PolicyProblem: Error, Equatable {
    var message: String

    init(_ message: String) { self.message = message }
}

extension Principal {
    /// How policies write this caller.
    public var arn: String { "arn:aws:iam::\(account):user/\(accessKeyID)" }
}
