/// How an agent reaches the network.
public enum NetworkMode: String, Codable, Sendable, CaseIterable {
    case `public` = "PUBLIC"
    case vpc = "VPC"

    static let schema = Schema.enumeration("NetworkMode", NetworkMode.self)
}

/// Network of a version's sandboxes. Absent on input means `PUBLIC` (contract §6).
public struct NetworkConfiguration: Shape {
    public var networkMode: NetworkMode
    public var networkModeConfig: VpcConfig?

    public init(networkMode: NetworkMode, networkModeConfig: VpcConfig? = nil) {
        self.networkMode = networkMode
        self.networkModeConfig = networkModeConfig
    }

    public static let schema = Schema.structure(
        "NetworkConfiguration",
        [
            .required("networkMode", NetworkMode.schema),
            .optional("networkModeConfig", VpcConfig.schema),
        ])
}

/// The network of a `VPC` runtime.
public struct VpcConfig: Shape {
    public var securityGroups: [String]
    public var subnets: [String]
    /// Refused on create (contract §3).
    public var requireServiceS3Endpoint: Bool?

    public init(securityGroups: [String], subnets: [String], requireServiceS3Endpoint: Bool? = nil) {
        self.securityGroups = securityGroups
        self.subnets = subnets
        self.requireServiceS3Endpoint = requireServiceS3Endpoint
    }

    public static let schema = Schema.structure(
        "VpcConfig",
        [
            .required("securityGroups", .list("SecurityGroups", of: .string("SecurityGroupId", pattern: "sg-[0-9a-zA-Z]{8,17}"), 1...16)),
            .required("subnets", .list("Subnets", of: .string("SubnetId", pattern: "subnet-[0-9a-zA-Z]{8,17}"), 1...16)),
            .optional("requireServiceS3Endpoint", .boolean),
        ])
}
