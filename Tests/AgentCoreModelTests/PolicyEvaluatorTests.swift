import Platform
import Testing

@testable import AgentCoreModel

@Suite struct PolicyEvaluatorTests {
    private static let owner = "123456789012"
    private static let stranger = "210987654321"

    private func caller(_ role: Principal.Role = .invoker, account: String = owner, key: String = "AKIAX") -> Principal {
        Principal(account: account, accessKeyID: key, role: role)
    }

    private func document(_ statements: JSONValue...) throws -> PolicyDocument {
        let text = JSONValue.object(["Version": "2012-10-17", "Statement": .array(statements)]).text
        return try PolicySample.parse(text)
    }

    private func decide(
        _ action: PolicyAction = .invokeAgentRuntime, runtime: PolicyDocument? = nil, endpoint: PolicyDocument? = nil,
        hasEndpoint: Bool = true, by principal: Principal, roleAllows: Bool = true, from address: String? = "192.0.2.7",
        at time: String = "2026-06-01T12:00:00Z"
    ) throws -> PolicyDecision {
        let context = PolicyContext(
            principal: principal, region: "us-east-1", sourceIP: address.flatMap { IPAddress($0) }, now: try #require(WireTimestamp(time)))
        return PolicyEvaluator.decide(
            action, policies: ResourcePolicies(runtime: runtime, endpoint: endpoint, hasEndpoint: hasEndpoint), owner: Self.owner,
            roleAllows: roleAllows, context: context)
    }

    /// The table of the developer's guide, for a resource's own account.
    @Test func roleOrPolicyAllowsAndADenyWins() throws {
        let allow = try document(PolicySample.statement())
        let deny = try document(PolicySample.statement(["Effect": "Deny"]))
        let both = try document(PolicySample.statement(), PolicySample.statement(["Effect": "Deny"]))
        let silent = try document(PolicySample.statement(["Action": "bedrock-agentcore:GetAgentCard"]))
        for (role, policy, expected) in [
            (true, nil, PolicyDecision.allowed), (true, silent, .allowed), (true, allow, .allowed), (true, deny, .denied),
            (true, both, .denied), (false, nil, .notAllowed), (false, silent, .notAllowed), (false, allow, .allowed),
            (false, deny, .denied), (false, both, .denied),
        ] {
            #expect(try decide(runtime: policy, hasEndpoint: false, by: caller(), roleAllows: role) == expected)
        }
    }

    @Test func runtimeAndEndpointAreBothAsked() throws {
        let allow = try document(PolicySample.statement())
        let deny = try document(PolicySample.statement(["Effect": "Deny"]))
        for (runtime, endpoint, granted) in [
            (allow, allow, PolicyDecision.allowed), (allow, nil, .notAllowed), (nil, allow, .notAllowed), (nil, nil, .notAllowed),
            (deny, allow, .denied), (allow, deny, .denied),
        ] {
            #expect(try decide(runtime: runtime, endpoint: endpoint, by: caller(), roleAllows: false) == granted)
            // Of another account all that is not an Allow by both is nothing at all.
            let expected = granted == .allowed ? PolicyDecision.allowed : .hidden
            #expect(try decide(runtime: runtime, endpoint: endpoint, by: caller(account: Self.stranger)) == expected)
            #expect(try decide(runtime: runtime, endpoint: endpoint, by: caller(account: Self.stranger), roleAllows: false) == .hidden)
        }
        #expect(try decide(endpoint: deny, by: caller()) == .denied)
        #expect(try decide(runtime: deny, by: caller()) == .denied)
    }

    @Test func principals() throws {
        func decisions(_ principal: JSONValue, _ effect: JSONValue = "Deny") throws -> [PolicyDecision] {
            let policy = try document(PolicySample.statement(["Principal": principal, "Effect": effect]))
            return try [caller(), caller(.viewer), caller(key: "AKIAY"), caller(account: Self.stranger)].map {
                try decide(runtime: policy, endpoint: policy, by: $0, roleAllows: effect == "Deny")
            }
        }
        #expect(try decisions("*") == [.denied, .denied, .denied, .hidden])
        #expect(try decisions(["AWS": .string(Self.owner)]) == [.denied, .denied, .denied, .hidden])
        #expect(try decisions(["AWS": .string(Self.stranger)]) == [.allowed, .allowed, .allowed, .hidden])
        #expect(try decisions(["AWS": "arn:aws:iam::123456789012:user/AKIAX"]) == [.denied, .denied, .allowed, .hidden])
        #expect(try decisions(["AWS": "arn:aws:iam::123456789012:role/viewer"]) == [.allowed, .denied, .allowed, .hidden])
        #expect(try decisions(["AWS": "arn:aws:iam::210987654321:user/AKIAX"]) == [.allowed, .allowed, .allowed, .hidden])
        // To name the account leaves it to its roles; to name a key, a role or everybody does not.
        #expect(try decisions(["AWS": .string(Self.owner)], "Allow") == [.notAllowed, .notAllowed, .notAllowed, .hidden])
        #expect(try decisions("*", "Allow") == [.allowed, .allowed, .allowed, .hidden])
        #expect(
            try decisions(["AWS": "arn:aws:iam::123456789012:role/viewer"], "Allow") == [.notAllowed, .allowed, .notAllowed, .hidden])
    }

    @Test func anotherAccountNeedsBothSides() throws {
        for principal in [Self.stranger, "arn:aws:iam::\(Self.stranger):user/AKIAX", "arn:aws:iam::\(Self.stranger):role/invoker"] {
            let policy = try document(PolicySample.statement(["Principal": ["AWS": .string(principal)]]))
            #expect(try decide(runtime: policy, endpoint: policy, by: caller(account: Self.stranger)) == .allowed)
            #expect(try decide(runtime: policy, endpoint: policy, by: caller(account: "111111111111")) == .hidden)
        }
    }

    @Test func adminsAreNeverLockedOutOfTheirPolicies() throws {
        let deny = try document(PolicySample.statement(["Effect": "Deny", "Action": "*"]))
        for action in PolicyAction.allCases {
            #expect(try decide(action, runtime: deny, by: caller(.admin)) == (action.concernsPolicies ? .allowed : .denied), "\(action)")
            #expect(try decide(action, runtime: deny, by: caller(.operator)) == .denied, "\(action)")
            #expect(try decide(action, runtime: deny, by: caller(.admin, account: Self.stranger)) == .hidden, "\(action)")
            #expect(try decide(action, runtime: .unreadable, by: caller(.operator)) == .denied, "\(action)")
        }
    }

    @Test func actionsThatAreNotNamedAreNotMeant() throws {
        let deny = try document(PolicySample.statement(["Effect": "Deny", "Action": "bedrock-agentcore:*Session"]))
        #expect(try decide(.stopRuntimeSession, runtime: deny, by: caller()) == .denied)
        #expect(try decide(.invokeAgentRuntime, runtime: deny, by: caller()) == .allowed)
    }

    @Test(arguments: [
        ("StringEquals", "aws:PrincipalAccount", ["123456789012"], true), ("StringEquals", "aws:PrincipalAccount", ["1", "2"], false),
        ("StringNotEquals", "aws:PrincipalAccount", ["1", "2"], true),
        ("StringNotEquals", "aws:PrincipalAccount", ["1", "123456789012"], false),
        ("StringEquals", "aws:RequestedRegion", ["US-EAST-1"], false),
        ("StringEqualsIgnoreCase", "aws:RequestedRegion", ["US-EAST-1"], true),
        ("StringNotEqualsIgnoreCase", "aws:RequestedRegion", ["US-EAST-1"], false), ("StringLike", "aws:RequestedRegion", ["us-*"], true),
        ("StringNotLike", "aws:RequestedRegion", ["eu-*", "ap-*"], true),
        ("StringNotLike", "aws:RequestedRegion", ["eu-*", "us-*"], false),
        ("StringEquals", "AWS:principalarn", ["arn:aws:iam::123456789012:user/AKIAX"], true),
        ("ArnLike", "aws:PrincipalArn", ["arn:aws:iam::*:user/AKIA?"], true),
        ("ArnLike", "aws:PrincipalArn", ["arn:*:*:*:*:role/*"], false),
        // A star does not reach beyond its part.
        ("ArnEquals", "aws:PrincipalArn", ["arn:aws:*:user/AKIAX::"], false),
        ("ArnNotLike", "aws:PrincipalArn", ["arn:aws:iam::*:role/*"], true),
        ("ArnNotEquals", "aws:PrincipalArn", ["arn:aws:iam::*:user/*"], false),
        ("IpAddress", "aws:SourceIp", ["192.0.2.0/24"], true), ("IpAddress", "aws:SourceIp", ["198.51.100.0/24", "::/0"], false),
        ("NotIpAddress", "aws:SourceIp", ["198.51.100.0/24"], true), ("NotIpAddress", "aws:SourceIp", ["192.0.2.7"], false),
        ("DateLessThan", "aws:CurrentTime", ["2026-06-01T12:00:00Z"], false),
        ("DateLessThanEquals", "aws:CurrentTime", ["2026-06-01T12:00:00Z"], true),
        ("DateGreaterThan", "aws:CurrentTime", ["2026-06-01T11:59:59.999Z"], true),
        ("DateGreaterThanEquals", "aws:CurrentTime", ["2026-06-01T12:00:01Z"], false),
        ("DateEquals", "aws:CurrentTime", ["2026-06-01T12:00:00Z"], true),
        ("DateNotEquals", "aws:CurrentTime", ["2026-06-01T12:00:00Z"], false),
    ])
    func conditions(_ name: String, _ key: String, _ values: [String], _ holds: Bool) throws {
        let condition: JSONValue = .object([name: .object([key: .array(values.map { .string($0) })])])
        let deny = try document(PolicySample.statement(["Effect": "Deny", "Condition": condition]))
        #expect(try decide(runtime: deny, by: caller()) == (holds ? .denied : .allowed))
    }

    @Test func allConditionsMustHold() throws {
        func deny(_ region: String) throws -> PolicyDocument {
            try document(
                PolicySample.statement([
                    "Effect": "Deny",
                    "Condition": [
                        "StringEquals": ["aws:RequestedRegion": .string(region), "aws:PrincipalAccount": .string(Self.owner)],
                        "IpAddress": ["aws:SourceIp": "192.0.2.0/24"],
                    ],
                ]))
        }
        #expect(try decide(runtime: deny("us-east-1"), by: caller()) == .denied)
        #expect(try decide(runtime: deny("eu-west-1"), by: caller()) == .allowed)
        #expect(try decide(runtime: deny("us-east-1"), by: caller(), from: "10.0.0.1") == .allowed)
    }

    @Test(arguments: [("IpAddress", false), ("NotIpAddress", true), ("IpAddressIfExists", true), ("NotIpAddressIfExists", true)])
    func anUnknownAddress(_ name: String, _ holds: Bool) throws {
        let condition: JSONValue = .object([name: ["aws:SourceIp": "192.0.2.0/24"]])
        let deny = try document(PolicySample.statement(["Effect": "Deny", "Condition": condition]))
        #expect(try decide(runtime: deny, by: caller(), from: nil) == (holds ? .denied : .allowed))
    }
}
