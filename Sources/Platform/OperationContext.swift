public import Logging

/// Who calls. Region and account come from the verified credential, never from the request
/// (docs/architecture.md, decision 8).
public struct Principal: Sendable, Equatable {
    /// Twelve digits.
    public var account: String
    /// The access key's id, or `signalbox` for the server's own work.
    public var accessKeyID: String
    public var role: Role
    /// The key's own role, when temporary credentials of it were used; `role` is that one or a lesser.
    public var keyRole: Role?

    /// Whether temporary credentials were used.
    public var isTemporary: Bool { keyRole != nil }

    public enum Role: String, Sendable, Codable, CaseIterable, Comparable {
        case admin, `operator`, invoker, viewer

        /// Each allows what the lesser ones allow.
        public static func < (left: Role, right: Role) -> Bool { left.rank < right.rank }

        private var rank: Int {
            switch self {
            case .viewer: 0
            case .invoker: 1
            case .operator: 2
            case .admin: 3
            }
        }
    }

    public init(account: String, accessKeyID: String, role: Role, keyRole: Role? = nil) {
        self.keyRole = keyRole
        self.account = account
        self.accessKeyID = accessKeyID
        self.role = role
    }
}

/// First argument of every use case and store call: who, where, under which request id, until when.
public struct OperationContext: Sendable {
    public var principal: Principal
    /// AWS region of the credential scope, such as `us-east-1`.
    public var region: String
    /// Number of the host that the request's connection comes from; nil for the server's own work.
    public var sourceAddress: String?
    /// As the caller calls itself: for the audit trail alone.
    public var userAgent: String?
    /// UUID, returned as `x-amzn-RequestId`.
    public var requestID: String
    public var logger: Logger
    public var clock: any TimeSource
    /// Instant of `clock` after which the work is worthless. `nil`: the callee's own default.
    public var deadline: ContinuousClock.Instant?

    public var account: String { principal.account }

    public init(
        principal: Principal, region: String, sourceAddress: String? = nil, requestID: String, logger: Logger,
        clock: any TimeSource = SystemTime(), deadline: ContinuousClock.Instant? = nil
    ) {
        self.principal = principal
        self.region = region
        self.sourceAddress = sourceAddress
        self.requestID = requestID
        self.logger = logger
        self.clock = clock
        self.deadline = deadline
    }

    /// For work that no request asked for: reconcilers, batches, start-up.
    ///
    /// Rows that belong to an account are reached by their own keys there, so `account` is empty.
    public static func background(_ label: String, logger: Logger, clock: any TimeSource = SystemTime()) -> Self {
        var logger = logger
        logger[metadataKey: "task"] = "\(label)"
        return Self(
            principal: Principal(account: "", accessKeyID: "signalbox", role: .admin), region: "",
            requestID: Identifier.uuid(), logger: logger, clock: clock)
    }
}
