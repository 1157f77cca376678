/// Shapes of VPC Lattice endpoints. They are validated, stored and returned as JSON; nothing here
/// uses them, so they have no Swift type.
enum PrivateEndpointSchemas {
    static let endpoint = Schema.union(
        "PrivateEndpoint",
        [
            .optional("selfManagedLatticeResource", selfManaged),
            .optional("managedVpcResource", managed),
        ])

    static let overrides = Schema.list(
        "PrivateEndpointOverrides",
        of: .structure(
            "PrivateEndpointOverride",
            [
                .required("domain", .string("PrivateEndpointOverrideDomain", 1...253)),
                .required("privateEndpoint", endpoint),
            ]), 0...5)

    private static let selfManaged = Schema.union(
        "SelfManagedLatticeResource",
        [
            .optional(
                "resourceConfigurationIdentifier",
                .string(
                    "ResourceConfigurationIdentifier", 20...2048,
                    pattern:
                        #"((rcfg-[0-9a-z]{17})|(arn:[a-z0-9\-]+:vpc-lattice:[a-zA-Z0-9\-]+:\d{12}:resourceconfiguration/rcfg-[0-9a-z]{17}))"#
                ))
        ])

    private static let managed = Schema.structure(
        "ManagedVpcResource",
        [
            .required("vpcIdentifier", .string("VpcIdentifier", pattern: "vpc-(([0-9a-z]{8})|([0-9a-z]{17}))")),
            .required("subnetIds", .list("SubnetIds", of: .string("SubnetId", pattern: "subnet-[0-9a-zA-Z]{8,17}"))),
            .required("endpointIpAddressType", EndpointIpAddressType.schema),
            .optional(
                "securityGroupIds",
                .list(
                    "SecurityGroupIds", of: .string("SecurityGroupIdentifier", pattern: "sg-(([0-9a-z]{8})|([0-9a-z]{17}))"), 0...5)),
            .optional("tags", .tagsMap),
            .optional("routingDomain", .string("RoutingDomain", 3...255)),
        ])
}

enum EndpointIpAddressType: String, CaseIterable {
    case ipv4 = "IPV4"
    case ipv6 = "IPV6"

    static let schema = Schema.enumeration("EndpointIpAddressType", EndpointIpAddressType.self)
}
