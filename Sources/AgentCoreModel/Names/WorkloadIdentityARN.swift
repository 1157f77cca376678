/// `arn:aws:bedrock-agentcore:R:A:workload-identity-directory/default/workload-identity/<name>`; the
/// one made for a runtime is named after the runtime's id (contract §3).
public struct WorkloadIdentityARN: Hashable, Sendable, CustomStringConvertible {
    public var region: String
    public var account: String
    public var name: String

    public init(region: String, account: String, name: String) {
        self.region = region
        self.account = account
        self.name = name
    }

    public var description: String { "arn:aws:bedrock-agentcore:\(region):\(account):\(Self.directory)\(name)" }

    static let directory = "workload-identity-directory/default/workload-identity/"
}
