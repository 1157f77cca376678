/// Input of PutResourcePolicy.
public struct PutResourcePolicyRequest: OperationInput {
    public var resourceArn: String
    /// JSON text; see `PolicyDocument`.
    public var policy: String

    public init(resourceArn: String, policy: String) {
        self.resourceArn = resourceArn
        self.policy = policy
    }

    public static let schema = Schema.structure(
        "PutResourcePolicyRequest",
        [.required("resourceArn", .policyResourceArn, in: .path), .required("policy", .resourcePolicyBody)])

    public static let operation = Operation.putResourcePolicy
}

/// Output of PutResourcePolicy.
public struct PutResourcePolicyResponse: Shape {
    public var policy: String

    public init(policy: String) { self.policy = policy }

    public static let schema = Schema.structure("PutResourcePolicyResponse", [.required("policy", .resourcePolicyBody)])
}

/// Input of GetResourcePolicy.
public struct GetResourcePolicyRequest: OperationInput {
    public var resourceArn: String

    public init(resourceArn: String) { self.resourceArn = resourceArn }

    public static let schema = Schema.structure(
        "GetResourcePolicyRequest", [.required("resourceArn", .policyResourceArn, in: .path)])

    public static let operation = Operation.getResourcePolicy
}

/// Output of GetResourcePolicy.
public struct GetResourcePolicyResponse: Shape {
    /// As it was put.
    public var policy: String?

    public init(policy: String? = nil) { self.policy = policy }

    public static let schema = Schema.structure("GetResourcePolicyResponse", [.optional("policy", .resourcePolicyBody)])
}

/// Input of DeleteResourcePolicy.
public struct DeleteResourcePolicyRequest: OperationInput {
    public var resourceArn: String

    public init(resourceArn: String) { self.resourceArn = resourceArn }

    public static let schema = Schema.structure(
        "DeleteResourcePolicyRequest", [.required("resourceArn", .policyResourceArn, in: .path)])

    public static let operation = Operation.deleteResourcePolicy
}

/// Output of DeleteResourcePolicy: nothing.
public struct DeleteResourcePolicyResponse: Shape {
    public init() {}

    public static let schema = Schema.structure("DeleteResourcePolicyResponse", [])
}

extension Schema {
    fileprivate static let policyResourceArn = string("BedrockAgentcoreResourceArn", 20...1011)
    fileprivate static let resourcePolicyBody = string("ResourcePolicyBody", 1...20_480)
}
