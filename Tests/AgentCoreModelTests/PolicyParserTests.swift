import Platform
import Testing

@testable import AgentCoreModel

/// A policy of one statement; tests change one element at a time.
enum PolicySample {
    static let runtime = "arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/hello-AbC123dEf9"
    static let endpoint = runtime + "/runtime-endpoint/prod"

    static func statement(_ changes: [String: JSONValue?] = [:]) -> JSONValue {
        var members: [String: JSONValue] = [
            "Effect": "Allow", "Principal": "*", "Action": "bedrock-agentcore:InvokeAgentRuntime", "Resource": .string(runtime),
        ]
        for (name, value) in changes { members[name] = value }
        return .object(members)
    }

    static func text(_ statements: JSONValue...) -> String {
        JSONValue.object(["Version": "2012-10-17", "Statement": .array(statements)]).text
    }

    static func parse(_ text: String, for arn: String = runtime) throws -> PolicyDocument {
        try PolicyDocument(parsing: text, for: ResourceARN(parsing: arn))
    }

    /// What is wrong, or "" when nothing is.
    static func problem(_ text: String, for arn: String = runtime) -> String {
        do {
            _ = try parse(text, for: arn)
            return ""
        } catch {
            return (error as? SignalboxError)?.message ?? "\(error)"
        }
    }

    static func problem(_ changes: [String: JSONValue?], for arn: String = runtime) -> String {
        problem(text(statement(changes)), for: arn)
    }
}

@Suite struct PolicyParserTests {
    @Test func theWholeOfWhatIsUnderstood() throws {
        let statement = PolicySample.statement([
            "Sid": "One1", "Effect": "Deny",
            "Principal": [
                "AWS": [
                    "210987654321", "arn:aws:iam::210987654321:root", "arn:aws:iam::123456789012:user/AKIAX",
                    "arn:aws:iam::123456789012:role/viewer", "*",
                ]
            ],
            "Action": ["bedrock-agentcore:Invoke*", "Bedrock-AgentCore:getagentruntime"],
            "Condition": [
                "IpAddress": ["aws:SourceIp": ["192.0.2.0/24", "2001:db8::/32"]], "StringLikeIfExists": ["AWS:PrincipalArn": "*"],
            ],
        ])
        let document = try PolicySample.parse(PolicySample.text(statement))
        let parsed = try #require(document.statements.first)
        #expect(parsed.sid == "One1" && parsed.effect == .deny && parsed.conditions.count == 2)
        #expect(
            parsed.principals == [
                .account("210987654321"), .account("210987654321"), .key(account: "123456789012", id: "AKIAX"),
                .role(account: "123456789012", .viewer), .everyone,
            ])
        #expect(
            parsed.actions == [
                .invokeAgentRuntime, .invokeAgentRuntimeForUser, .invokeAgentRuntimeCommand, .invokeAgentRuntimeCommandShell,
                .invokeAgentRuntimeWithWebSocketStream, .invokeAgentRuntimeWithWebSocketStreamForUser, .getAgentRuntime,
            ])
        #expect(PolicyDocument(stored: PolicySample.text(statement)) == document)
    }

    @Test func formsOfTheSame() throws {
        let one = PolicySample.statement()
        let whole = try PolicySample.parse(PolicySample.text(one))
        let single = JSONValue.object(["Version": "2012-10-17", "Id": "x", "Statement": one]).text
        #expect(try PolicySample.parse(single) == whole)
        #expect(PolicySample.problem(["Principal": ["AWS": "*"], "Resource": [.string(PolicySample.runtime)]]) == "")
        for form in [PolicySample.endpoint, PolicySample.runtime + "/endpoint/prod"] {
            #expect(PolicySample.problem(["Resource": .string(form)], for: PolicySample.endpoint) == "")
        }
        let all = try PolicySample.parse(PolicySample.text(PolicySample.statement(["Action": "bedrock-agentcore:*"])))
        #expect(all.statements[0].actions == Set(PolicyAction.allCases))
        let ofEndpoint = try PolicySample.parse(
            PolicySample.text(PolicySample.statement(["Action": "*", "Resource": .string(PolicySample.endpoint)])),
            for: PolicySample.endpoint)
        #expect(ofEndpoint.statements[0].actions == Set(PolicyAction.allCases.filter(\.concernsEndpoints)))
    }

    /// Nothing is ignored: each of these would otherwise mean something else than its author believes.
    @Test(
        arguments: [
            (["NotAction": "bedrock-agentcore:GetAgentCard"], "NotAction is not supported"),
            (["NotPrincipal": "*"], "NotPrincipal is not supported"), (["NotResource": "*"], "NotResource is not supported"),
            (["action": "bedrock-agentcore:*"], "action is not supported"),
            (["Effect": "allow"], "Effect must be"), (["Effect": nil], "Effect must be"),
            (["Sid": "two words"], "Sid must be"), (["Sid": ""], "Sid must be"), (["Sid": 7], "Sid must be"),
            (["Principal": nil], "Principal is missing"), (["Principal": "123456789012"], "Principal must be"),
            (["Principal": [:]], "Principal must be"), (["Principal": ["AWS": []]], "Principal.AWS must be"),
            (["Principal": ["Service": "lambda.amazonaws.com"]], "Principal of kind Service is not supported"),
            (["Principal": ["AWS": "*", "Federated": "x"]], "Principal of kind Federated is not supported"),
            (["Principal": ["AWS": "12345"]], "'12345'"),
            (["Principal": ["AWS": "arn:aws:iam::123456789012:role/Admin"]], "admin, operator"),
            (["Principal": ["AWS": "arn:aws:iam::123456789012:role/path/admin"]], "names no role"),
            (["Principal": ["AWS": "arn:aws:iam::123456789012:user/*"]], "not supported"),
            (["Principal": ["AWS": "arn:aws:iam::*:root"]], "'arn:aws:iam::*:root'"),
            (["Principal": ["AWS": "arn:aws:sts::123456789012:assumed-role/a/b"]], "'arn:aws:sts"),
            (["Principal": ["AWS": "arn:aws:iam::123456789012:group/x"]], "not supported"),
            (["Action": nil], "Action is missing"), (["Action": []], "Action must be"), (["Action": 1], "Action must be"),
            (["Action": "InvokeAgentRuntime"], "'InvokeAgentRuntime' is no operation"),
            (["Action": "s3:GetObject"], "'s3:GetObject' is no operation"),
            (["Action": ["bedrock-agentcore:*", "bedrock-agentcore:ListAgentRuntimes"]], "ListAgentRuntimes' is no operation"),
            (["Resource": nil], "Resource is missing"), (["Resource": "*"], "Resource must be the ARN"),
            (["Resource": .string(PolicySample.endpoint)], "Resource must be the ARN"),
            (["Condition": []], "Condition must be an object"), (["Condition": ["StringEquals": "x"]], "Condition.StringEquals must be"),
            (["Condition": ["StringEquals": ["aws:PrincipalAccount": []]]], "must be a string or a list"),
            (["Condition": ["Bool": ["aws:SecureTransport": "true"]]], "operator 'Bool' is not supported"),
            (["Condition": ["ForAnyValue:StringEquals": ["aws:PrincipalAccount": "1"]]], "operator 'ForAnyValue:StringEquals' is not"),
            (["Condition": ["Null": ["aws:SourceIp": "true"]]], "operator 'Null' is not supported"),
            (["Condition": ["stringequals": ["aws:PrincipalAccount": "1"]]], "operator 'stringequals' is not"),
            (["Condition": ["StringEquals": ["aws:SourceVpc": "vpc-1"]]], "key 'aws:SourceVpc' is not supported"),
            (["Condition": ["StringEquals": ["aws:SourceIp": "10.0.0.1"]]], "does not fit the key 'aws:SourceIp'"),
            (["Condition": ["IpAddress": ["aws:PrincipalArn": "10.0.0.1"]]], "does not fit"),
            (["Condition": ["StringEquals": ["aws:PrincipalArn": "${aws:username}"]]], "policy variables are not supported"),
            (["Condition": ["IpAddress": ["aws:SourceIp": "10.0.0.0/33"]]], "10.0.0.0/33"),
            (["Condition": ["IpAddress": ["aws:SourceIp": "somewhere"]]], "somewhere"),
            (["Condition": ["DateLessThan": ["aws:CurrentTime": "tomorrow"]]], "tomorrow"),
            (["Condition": ["ArnLike": ["aws:PrincipalArn": "*"]]], "not an ARN of six parts"),
        ] as [([String: JSONValue?], String)])
    func refusesWhatItDoesNotUnderstand(_ changes: [String: JSONValue?], _ expected: String) {
        let problem = PolicySample.problem(changes)
        #expect(problem.hasPrefix("The policy is not valid: Statement 1: ") && problem.contains(expected), "\(problem)")
    }

    @Test func refusesOtherDocuments() {
        let one = PolicySample.statement()
        #expect(PolicySample.problem("").contains("not JSON"))
        #expect(PolicySample.problem("{").contains("not JSON"))
        #expect(PolicySample.problem(#"{"Version":"2012-10-17","Version":"2012-10-17"}"#).contains("not JSON"))
        #expect(PolicySample.problem("[]").contains("must be a JSON object"))
        #expect(PolicySample.problem(JSONValue.object(["Statement": [one]]).text).contains("Version must be"))
        #expect(PolicySample.problem(JSONValue.object(["Version": "2008-10-17", "Statement": [one]]).text).contains("Version must be"))
        #expect(PolicySample.problem(JSONValue.object(["Version": "2012-10-17"]).text).contains("Statement is missing"))
        #expect(PolicySample.problem(PolicySample.text()).contains("Statement is missing"))
        #expect(PolicySample.problem(PolicySample.text("x")).contains("Statement 1: it must be an object"))
        let extra = JSONValue.object(["Version": "2012-10-17", "Statement": [one], "Comment": "x"]).text
        #expect(PolicySample.problem(extra).contains("Comment is not supported"))
        let twice = PolicySample.text(PolicySample.statement(["Sid": "A"]), PolicySample.statement(["Sid": "A"]))
        #expect(PolicySample.problem(twice).contains("the Sid 'A' is given twice"))
        let long = PolicySample.text(PolicySample.statement(["Sid": .string(String(repeating: "a", count: 20_480))]))
        #expect(PolicySample.problem(long).contains("longer than 20480 bytes"))
        #expect(
            PolicySample.problem(
                ["Action": "bedrock-agentcore:UpdateAgentRuntime", "Resource": .string(PolicySample.endpoint)], for: PolicySample.endpoint
            )
            .contains("name it in the policy of its runtime"))
    }

    @Test func everythingWrongIsToldAtOnce() throws {
        let text = PolicySample.text(PolicySample.statement(["Effect": nil, "Action": "x"]), PolicySample.statement(["Resource": "*"]))
        let error = #expect(throws: SignalboxError.self) { try PolicySample.parse(text) }
        guard case .validation(.fieldValidationFailed, let fields) = try #require(error).kind else { return #expect(Bool(false)) }
        #expect(fields.map(\.name) == ["policy", "policy", "policy"])
    }

    @Test func aStoredPolicyThatIsNotUnderstoodAllowsNothing() {
        let later = PolicySample.text(PolicySample.statement(["Condition": ["OfALaterRelease": ["aws:X": "y"]]]))
        #expect(PolicyDocument(stored: later) == .unreadable)
        #expect(PolicyDocument(stored: "x") == .unreadable)
    }

    @Test(arguments: [
        ("*", "", true), ("*", "abc", true), ("a*c", "abbbc", true), ("a*c", "ab", false), ("?", "", false), ("?", "é", true),
        ("a?c", "abc", true), ("*a*b", "xaxbxab", true), ("abc", "abcd", false), ("abc*", "abc", true), ("", "a", false),
    ])
    func globs(_ pattern: String, _ text: String, _ expected: Bool) { #expect(Glob.matches(pattern, text) == expected) }

    @Test func aHostileGlobIsNoWorkForHours() {
        let started = ContinuousClock.now
        #expect(!Glob.matches(String(repeating: "*a", count: 5000) + "b", String(repeating: "a", count: 5000)))
        #expect(started.duration(to: .now) < .seconds(60))
    }

    @Test(arguments: [
        ("10.0.0.1", "10.0.0.1", true), ("10.0.0.0/8", "10.255.0.1", true), ("10.0.0.0/8", "11.0.0.1", false),
        ("0.0.0.0/0", "1.2.3.4", true),
        ("10.0.0.0/9", "10.127.255.255", true), ("10.0.0.0/9", "10.128.0.0", false), ("10.0.0.0/31", "10.0.0.1", true),
        ("2001:db8::/33", "2001:db8:7fff::1", true), ("2001:db8::/33", "2001:db8:8000::1", false), ("::/0", "10.0.0.1", false),
        ("10.0.0.0/8", "::ffff:10.1.2.3", true), ("fe80::/10", "fe80::1%eth0", true),
    ])
    func ranges(_ range: String, _ address: String, _ expected: Bool) throws {
        #expect(try #require(IPRange(range)).contains(#require(IPAddress(address))) == expected)
    }

    @Test(arguments: [
        "", "/8", "10.0.0.0/", "10.0.0.0/33", "::/129", "10.0.0", "10.0.0.0/-1", "10.0.0.0/+1", "fe80::1%eth0", "10.0.0.0/8/8",
    ])
    func noRanges(_ text: String) { #expect(IPRange(text) == nil) }
}
