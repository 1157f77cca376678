import AgentCoreModel
import Store

/// Records as the wire shows them.
extension RuntimeRecord {
    var arn: RuntimeARN { RuntimeARN(region: region, account: account, runtimeID: runtimeID) }
}

extension VersionRecord {
    /// What the audit trail keeps: which one it is, and what runs. Never the environment.
    var audited: JSONValue {
        var members: [String: JSONValue] = ["version": .string(String(version))]
        members["artifactSha256"] = artifact.map { .string($0.sha256) }
        members["containerUri"] = configuration.agentRuntimeArtifact.containerConfiguration.map { .string($0.containerUri) }
        return .object(members)
    }

    var arn: RuntimeARN { RuntimeARN(region: region, account: account, runtimeID: runtimeID) }
}

extension EndpointRecord {
    /// What the audit trail keeps.
    var audited: JSONValue {
        var members: [String: JSONValue] = ["targetVersion": .string(String(targetVersion)), "status": .string(status.rawValue)]
        members["liveVersion"] = liveVersion.map { .string(String($0)) }
        members["description"] = description.map { .string($0) }
        return .object(members)
    }

    var runtimeARN: RuntimeARN { RuntimeARN(region: region, account: account, runtimeID: runtimeID) }
    var arn: EndpointARN { EndpointARN(runtime: runtimeARN, endpointName: name) }
}

extension AgentRuntimeEndpoint {
    init(_ endpoint: EndpointRecord) {
        self.init(
            name: endpoint.name, liveVersion: endpoint.liveVersion.map(String.init), targetVersion: String(endpoint.targetVersion),
            agentRuntimeEndpointArn: endpoint.arn.description, agentRuntimeArn: endpoint.runtimeARN.description,
            status: endpoint.status, id: endpoint.endpointID, description: endpoint.description,
            createdAt: WireTimestamp(endpoint.createdAt), lastUpdatedAt: WireTimestamp(endpoint.updatedAt))
    }
}

extension GetAgentRuntimeEndpointResponse {
    init(_ endpoint: EndpointRecord) {
        self.init(
            liveVersion: endpoint.liveVersion.map(String.init), targetVersion: String(endpoint.targetVersion),
            agentRuntimeEndpointArn: endpoint.arn.description, agentRuntimeArn: endpoint.runtimeARN.description,
            description: endpoint.description, status: endpoint.status, createdAt: WireTimestamp(endpoint.createdAt),
            lastUpdatedAt: WireTimestamp(endpoint.updatedAt), failureReason: endpoint.failureReason, name: endpoint.name,
            id: endpoint.endpointID)
    }
}

extension UpdateAgentRuntimeEndpointResponse {
    init(_ endpoint: EndpointRecord) {
        self.init(
            liveVersion: endpoint.liveVersion.map(String.init), targetVersion: String(endpoint.targetVersion),
            agentRuntimeEndpointArn: endpoint.arn.description, agentRuntimeArn: endpoint.runtimeARN.description,
            status: endpoint.status, createdAt: WireTimestamp(endpoint.createdAt), lastUpdatedAt: WireTimestamp(endpoint.updatedAt))
    }
}
