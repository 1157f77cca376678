extension CustomJWTAuthorizerConfiguration {
    /// Rules that span members of the authorizer (contract §9).
    var ruleFailures: [RuleFailure] {
        let path = "authorizerConfiguration.customJWTAuthorizer"
        var failures: [RuleFailure] = []
        if allowedAudience == nil, allowedClients == nil, allowedScopes == nil, customClaims == nil {
            failures.append(
                RuleFailure(
                    path, "At least one of allowedAudience, allowedClients, allowedScopes or customClaims is required"))
        }
        for (index, claim) in (customClaims ?? []).enumerated() where !claim.isConsistent {
            failures.append(
                RuleFailure(
                    "\(path).customClaims.\(index + 1).member",
                    "claimMatchOperator and claimMatchValue do not fit inboundTokenClaimValueType: STRING takes EQUALS with "
                        + "matchValueString; STRING_ARRAY takes CONTAINS with matchValueString or CONTAINS_ANY with "
                        + "matchValueStringList"))
        }
        let unknown = (advertisedScopeMapping ?? [:]).keys.filter { !(allowedScopes ?? []).contains($0) }
        if !unknown.isEmpty {
            failures.append(
                RuleFailure(
                    "\(path).advertisedScopeMapping",
                    "The keys of advertisedScopeMapping must be allowedScopes: [\(unknown.sorted().joined(separator: ", "))]"))
        }
        if let workloads = allowedWorkloadConfiguration,
            workloads.hostingEnvironments == nil, workloads.workloadIdentities == nil
        {
            failures.append(
                RuleFailure(
                    "\(path).allowedWorkloadConfiguration",
                    "At least one of hostingEnvironments or workloadIdentities is required"))
        }
        return failures
    }
}

extension CustomClaimValidationType {
    fileprivate var isConsistent: Bool {
        let value = authorizingClaimMatchValue.claimMatchValue
        switch (inboundTokenClaimValueType, authorizingClaimMatchValue.claimMatchOperator) {
        case (.string, .equals), (.stringArray, .contains): return value.matchValueString != nil
        case (.stringArray, .containsAny): return value.matchValueStringList != nil
        case (.string, .contains), (.string, .containsAny), (.stringArray, .equals): return false
        }
    }
}
