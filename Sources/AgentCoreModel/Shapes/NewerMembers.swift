/// Members that botocore 1.43.11 does not know but 1.44.5 does (contract §6). They are checked,
/// stored and returned as they came; nothing acts on them yet.
enum NewerSchemas {
    /// `build.warmup.action.httpPost`: a request to make before a version is READY.
    static let hooks = Schema.structure(
        "HooksConfiguration",
        [
            .optional(
                "build",
                .structure(
                    "BuildHooks",
                    [
                        .optional(
                            "warmup",
                            .structure(
                                "WarmupHook",
                                [
                                    .optional(
                                        "action",
                                        .union(
                                            "HookAction",
                                            [
                                                .optional(
                                                    "httpPost",
                                                    .structure(
                                                        "HttpPostAction",
                                                        [
                                                            .required("path", .string("HookPath", 1...32, pattern: "/[A-Za-z0-9._~/-]*")),
                                                            .optional("port", .agentPort),
                                                        ]))
                                            ]))
                                ]))
                    ]))
        ])

    static let allowedPorts = Schema.list(
        "AllowedPorts",
        of: .union(
            "AllowedPort",
            [
                .optional("port", .agentPort),
                .optional("portRange", .structure("PortRange", [.required("from", .agentPort), .required("to", .agentPort)])),
            ]), 1...5)

    static let platformVersion = Schema.string("PlatformVersion", 1...128, pattern: #"[^\s]+"#)

    static let resourceConfigurations = Schema.list(
        "ResourceConfigurations",
        of: .structure("ResourceConfiguration", [.required("minimumMemoryInMiB", .integer("MinimumMemoryInMiB"))]), 0...1)
}
