import AgentCoreModel
import Store

/// Records as the wire shows them.
extension RuntimeRecord {
    var arn: RuntimeARN { RuntimeARN(region: region, account: account, runtimeID: runtimeID) }
}

extension VersionRecord {
    var arn: RuntimeARN { RuntimeARN(region: region, account: account, runtimeID: runtimeID) }
}

extension EndpointRecord {
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
