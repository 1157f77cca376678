/// `arn:aws:bedrock-agentcore:<region>:<account>:runtime/<id>`: the same for all versions of a
/// runtime (contract §3).
public struct RuntimeARN: Hashable, Sendable, CustomStringConvertible {
    public var partition: String
    public var region: String
    public var account: String
    public var runtimeID: String

    public init(region: String, account: String, runtimeID: String, partition: String = "aws") {
        self.partition = partition
        self.region = region
        self.account = account
        self.runtimeID = runtimeID
    }

    public var description: String { "arn:\(partition):bedrock-agentcore:\(region):\(account):runtime/\(runtimeID)" }

    /// Parses the plain, decoded form. Any well-formed partition, region and account passes:
    /// compare them with `mismatch(region:account:)`.
    public init(parsing text: some StringProtocol) throws(ARNError) {
        let parts = try ARNParts(text)
        guard parts.resource.hasPrefix("runtime/") else { throw .malformed("the resource is not runtime/<id>") }
        let id = parts.resource.dropFirst("runtime/".utf8.count)
        guard WireID.isRuntimeID(id) else { throw .malformed("the runtime id is malformed") }
        self.init(region: parts.region, account: parts.account, runtimeID: String(id), partition: parts.partition)
    }

    /// Where this ARN points elsewhere than the caller's own account; nil when it fits.
    public func mismatch(region: String, account: String) -> ARNMismatch? {
        if partition != "aws" { return .partition(partition) }
        if self.region != region { return .region(self.region) }
        if self.account != account { return .account(self.account) }
        return nil
    }
}

/// The `{agentRuntimeArn}` of a data-plane path: a full ARN, or a bare runtime id whose account
/// comes in the query (contract §5).
public enum RuntimeReference: Hashable, Sendable {
    case arn(RuntimeARN)
    case id(String)

    public var runtimeID: String {
        switch self {
        case .arn(let arn): arn.runtimeID
        case .id(let id): id
        }
    }

    /// Reads what stands between `/runtimes/` and `/invocations` on the wire, percent-encoded once
    /// or not at all. A doubly encoded one still holds a `%` after decoding and is malformed.
    public init(pathComponent raw: some StringProtocol) throws(ARNError) {
        // A String first, so that what follows is compiled for it and not for any StringProtocol.
        let raw = String(raw)
        guard raw.utf8.count <= ARNParts.maximumLength else { throw .malformed("longer than \(ARNParts.maximumLength) bytes") }
        guard let text = PercentEncoding.decode(raw) else { throw .malformed("invalid percent-encoding") }
        if text.utf8.starts(with: "arn:".utf8) {
            self = .arn(try RuntimeARN(parsing: text))
        } else {
            guard WireID.isRuntimeID(text) else { throw .malformed("neither an ARN nor a runtime id") }
            self = .id(text)
        }
    }
}
