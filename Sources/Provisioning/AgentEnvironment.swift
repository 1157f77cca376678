import AgentCoreModel
import Sandboxing
import Store

/// The environment of an agent: what AWS's own runtime sets where it makes sense here (contract
/// §10), under what the version's owner sets.
enum AgentEnvironment {
    static func make(_ version: VersionRecord, endpoint: String) -> [String: String] {
        let bundle = SandboxSpecification.bundlePath
        let arn = EndpointARN(
            runtime: RuntimeARN(region: version.region, account: version.account, runtimeID: version.runtimeID),
            endpointName: endpoint)
        var environment = [
            "PATH": "\(bundle)/bin:/usr/local/bin:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            // Lines reach the log when they are printed, not when the agent ends.
            "PYTHONUNBUFFERED": "1",
            // The bundle is read-only; trying to write beside every module costs time at each start.
            "PYTHONDONTWRITEBYTECODE": "1",
            "AWS_REGION": version.region,
            "AWS_DEFAULT_REGION": version.region,
            // There is no instance metadata service to ask for credentials.
            "AWS_EC2_METADATA_DISABLED": "true",
            "AGENT_OBSERVABILITY_ENABLED": "true",
            "OTEL_RESOURCE_ATTRIBUTES":
                "service.name=\(version.runtimeName).\(endpoint),aws.log.group.names=/aws/bedrock-agentcore/runtimes/\(version.runtimeID)-\(endpoint),cloud.resource_id=\(arn)",
            // AWS exports to CloudWatch; without a way out of the sandbox every export would fail.
            "OTEL_TRACES_EXPORTER": "none",
            "OTEL_METRICS_EXPORTER": "none",
            "OTEL_LOGS_EXPORTER": "none",
        ]
        environment.merge(version.environmentVariables) { _, own in own }
        // The AgentCore SDK listens on all addresses only where it finds a container (contract §10).
        environment["DOCKER_CONTAINER"] = "1"
        // The bundle's packages come first, whatever the owner adds.
        let added = version.environmentVariables["PYTHONPATH"].map { ":" + $0 } ?? ""
        environment["PYTHONPATH"] = bundle + added
        return environment
    }
}
