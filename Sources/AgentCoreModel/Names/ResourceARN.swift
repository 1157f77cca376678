/// What an ARN in a path names: `/tags/{resourceArn}`, `/resourcepolicy/{resourceArn}`.
public enum ResourceARN: Hashable, Sendable {
    case runtime(RuntimeARN)
    case endpoint(EndpointARN)
    case workloadIdentity(WorkloadIdentityARN)

    /// Parses the plain, decoded form. A well-formed ARN of another kind of resource is malformed
    /// here: nothing of that kind exists.
    public init(parsing text: some StringProtocol) throws(ARNError) {
        let parts = try ARNParts(text)
        if parts.resource.hasPrefix(WorkloadIdentityARN.directory) {
            let name = String(parts.resource.dropFirst(WorkloadIdentityARN.directory.utf8.count))
            guard !name.isEmpty, !name.contains("/") else { throw .malformed("the workload identity's name is malformed") }
            let arn = WorkloadIdentityARN(region: parts.region, account: parts.account, name: name)
            // It has no other partition.
            guard arn.description == text else { throw .malformed("the partition is not aws") }
            self = .workloadIdentity(arn)
        } else if parts.resource.split(separator: "/", omittingEmptySubsequences: false).count > 2 {
            self = .endpoint(try EndpointARN(parsing: text))
        } else {
            self = .runtime(try RuntimeARN(parsing: text))
        }
    }

    /// Whether the resource can be one of this region and account.
    public func belongs(toRegion region: String, account: String) -> Bool {
        switch self {
        case .runtime(let arn): arn.mismatch(region: region, account: account) == nil
        case .endpoint(let arn): arn.runtime.mismatch(region: region, account: account) == nil
        case .workloadIdentity(let arn): arn.region == region && arn.account == account
        }
    }
}
