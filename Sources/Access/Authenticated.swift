public import Platform
public import SigV4

/// A request's sender, known by its signature.
public struct Authenticated: Sendable {
    public var principal: Principal
    /// Of the credential's scope.
    public var region: String
    /// For the signatures of chunks that follow.
    public var key: SigningKey
    /// The seed of those signatures.
    public var signature: VerifiedSignature
}

extension Authenticated: CustomStringConvertible, CustomReflectable {
    /// Without key and signature, so that neither ever stands in a log.
    public var description: String { "\(principal.accessKeyID) of \(principal.account) in \(region)" }
    public var customMirror: Mirror { Mirror(self, children: ["principal": principal, "region": region]) }
}
