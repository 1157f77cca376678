import AgentCoreModel

/// The tables of resources, from the server's answers.
extension Table {
    static func runtimes(_ runtimes: [JSONValue]) -> Table {
        Table(
            ["NAME", "ID", "VERSION", "STATUS", "UPDATED"],
            rows: runtimes.map { runtime in
                ["agentRuntimeName", "agentRuntimeId", "agentRuntimeVersion", "status", "lastUpdatedAt"].map { runtime.shown($0) }
            })
    }

    static func versions(_ versions: [JSONValue]) -> Table {
        Table(
            ["VERSION", "STATUS", "UPDATED", "DESCRIPTION"],
            rows: versions.map { version in
                ["agentRuntimeVersion", "status", "lastUpdatedAt", "description"].map { version.shown($0) }
            })
    }

    static func endpoints(_ endpoints: [JSONValue]) -> Table {
        Table(
            ["NAME", "LIVE", "TARGET", "STATUS", "UPDATED", "DESCRIPTION"],
            rows: endpoints.map { endpoint in
                ["name", "liveVersion", "targetVersion", "status", "lastUpdatedAt", "description"].map { endpoint.shown($0) }
            })
    }

    /// A runtime or one of its versions, with the configuration that an agent sees. Values of environment
    /// variables stay out of sight; `--output json` has them.
    static func runtime(_ runtime: JSONValue) -> Table {
        let code = runtime["agentRuntimeArtifact"]?["codeConfiguration"]
        let object = code?["code"]?["s3"]
        let source = object.map { "s3://\($0.shown("bucket"))/\($0.shown("prefix"))" }
        let lifecycle = runtime["lifecycleConfiguration"]
        return members([
            ("name", runtime["agentRuntimeName"]?.string),
            ("id", runtime["agentRuntimeId"]?.string),
            ("arn", runtime["agentRuntimeArn"]?.string),
            ("version", runtime["agentRuntimeVersion"]?.string),
            ("status", runtime["status"]?.string),
            ("failure reason", runtime["failureReason"]?.string),
            ("description", runtime["description"]?.string),
            ("source", source ?? runtime["agentRuntimeArtifact"]?["containerConfiguration"]?["containerUri"]?.string),
            ("interpreter", code?["runtime"]?.string),
            ("entry point", code?["entryPoint"]?.array?.compactMap(\.string).joined(separator: " ")),
            ("environment", runtime["environmentVariables"]?.object?.keys.sorted().joined(separator: " ")),
            ("role", runtime["roleArn"]?.string),
            ("protocol", runtime["protocolConfiguration"]?["serverProtocol"]?.string),
            ("idle timeout", lifecycle?["idleRuntimeSessionTimeout"]?.integer.map { "\($0) s" }),
            ("maximum lifetime", lifecycle?["maxLifetime"]?.integer.map { "\($0) s" }),
            ("created", runtime["createdAt"]?.string),
            ("updated", runtime["lastUpdatedAt"]?.string),
        ])
    }

    static func keys(_ keys: [JSONValue]) -> Table {
        Table(
            ["KEY", "ACCOUNT", "ROLE", "STATUS", "CREATED", "ENDS", "REPLACED BY"],
            rows: keys.map { key in
                ["AccessKeyId", "Account", "Role", "Status", "CreateDate", "ExpirationDate", "ReplacedBy"].map { key.shown($0) }
            })
    }

    /// A key just made, with its secret.
    static func madeKey(_ key: JSONValue) -> Table {
        members([
            ("access key id", key["AccessKeyId"]?.string), ("secret access key", key["SecretAccessKey"]?.string),
            ("account", key["Account"]?.string), ("role", key["Role"]?.string),
        ])
    }

    static func endpoint(_ endpoint: JSONValue) -> Table {
        members([
            ("name", endpoint["name"]?.string ?? endpoint["endpointName"]?.string),
            ("id", endpoint["id"]?.string),
            ("arn", endpoint["agentRuntimeEndpointArn"]?.string),
            ("live version", endpoint["liveVersion"]?.string),
            ("target version", endpoint["targetVersion"]?.string),
            ("status", endpoint["status"]?.string),
            ("failure reason", endpoint["failureReason"]?.string),
            ("description", endpoint["description"]?.string),
            ("created", endpoint["createdAt"]?.string),
            ("updated", endpoint["lastUpdatedAt"]?.string),
        ])
    }
}

extension JSONValue {
    /// A member as a cell; empty when it's missing.
    fileprivate func shown(_ member: String) -> String { self[member].map { $0.string ?? $0.text } ?? "" }
}
