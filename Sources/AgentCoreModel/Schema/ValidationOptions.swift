/// What a server's configuration changes about validation.
public struct ValidationOptions: Sendable, Equatable {
    /// Only images of ECR, by AWS's own pattern; otherwise any OCI reference (contract §12).
    public var strictImageUri: Bool

    public init(strictImageUri: Bool = false) { self.strictImageUri = strictImageUri }

    public static let standard = ValidationOptions()
}

/// A broken rule that spans members, in a sentence of its own.
public struct RuleFailure: Sendable, Equatable {
    /// The member that is best changed, dots between names.
    public var member: String
    public var message: String
    /// A member at the top of the request that the rule looks at besides.
    public var also: String?

    public init(_ member: String, also: String? = nil, _ message: String) {
        self.member = member
        self.also = also
        self.message = message
    }
}
