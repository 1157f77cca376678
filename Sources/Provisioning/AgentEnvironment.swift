import AgentCoreModel
import Sandboxing
import Store

/// The environment of an agent: what AWS's own runtime sets where it makes sense here (contract
/// §10), under what the version's owner sets.
enum AgentEnvironment {
    /// Of an archive: programs and packages are found in the bundle.
    static func ofArchive(_ version: VersionRecord, endpoint: String) -> [String: String] {
        let bundle = SandboxSpecification.bundlePath
        var environment = shared(version, endpoint: endpoint)
        environment["PATH"] = "\(bundle)/bin:/usr/local/bin:/usr/bin:/bin"
        environment["LANG"] = "C.UTF-8"
        // The bundle is read-only; trying to write beside every module costs time at each start.
        environment["PYTHONDONTWRITEBYTECODE"] = "1"
        environment.merge(version.environmentVariables) { _, own in own }
        environment["DOCKER_CONTAINER"] = "1"
        // The bundle's packages come first, whatever the owner adds.
        let added = version.environmentVariables["PYTHONPATH"].map { ":" + $0 } ?? ""
        environment["PYTHONPATH"] = bundle + added
        return environment
    }

    /// Of an image, which says itself where its programs are.
    static func ofImage(_ version: VersionRecord, endpoint: String) -> [String: String] {
        var environment = shared(version, endpoint: endpoint)
        environment.merge(version.environmentVariables) { _, own in own }
        environment["DOCKER_CONTAINER"] = "1"
        return environment
    }

    private static func shared(_ version: VersionRecord, endpoint: String) -> [String: String] {
        let arn = EndpointARN(
            runtime: RuntimeARN(region: version.region, account: version.account, runtimeID: version.runtimeID),
            endpointName: endpoint)
        return [
            // Lines reach the log when they are printed, not when the agent ends.
            "PYTHONUNBUFFERED": "1",
            "AWS_REGION": version.region,
            "AWS_DEFAULT_REGION": version.region,
            // There is no instance metadata service to ask for credentials.
            "AWS_EC2_METADATA_DISABLED": "true",
            // The AgentCore SDK listens on all addresses only where it finds a container (contract §10).
            "DOCKER_CONTAINER": "1",
            "AGENT_OBSERVABILITY_ENABLED": "true",
            "OTEL_RESOURCE_ATTRIBUTES":
                "service.name=\(version.runtimeName).\(endpoint),aws.log.group.names=/aws/bedrock-agentcore/runtimes/\(version.runtimeID)-\(endpoint),cloud.resource_id=\(arn)",
            // AWS exports to CloudWatch; without a way out of the sandbox every export would fail.
            "OTEL_TRACES_EXPORTER": "none",
            "OTEL_METRICS_EXPORTER": "none",
            "OTEL_LOGS_EXPORTER": "none",
        ]
    }
}
