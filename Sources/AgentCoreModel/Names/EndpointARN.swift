/// `<runtime ARN>/runtime-endpoint/<endpoint name>` (contract §3).
public struct EndpointARN: Hashable, Sendable, CustomStringConvertible {
    public var runtime: RuntimeARN
    public var endpointName: String

    public init(runtime: RuntimeARN, endpointName: String) {
        self.runtime = runtime
        self.endpointName = endpointName
    }

    public var description: String { "\(runtime)/runtime-endpoint/\(endpointName)" }

    /// Parses the plain, decoded form. The developer guide's policies write `/endpoint/` where the
    /// model writes `/runtime-endpoint/`: both are read, the model's is written (contract §15).
    public init(parsing text: some StringProtocol) throws(ARNError) {
        let parts = try ARNParts(text)
        let resource = parts.resource.split(separator: "/", omittingEmptySubsequences: false)
        guard resource.count == 4, resource[0] == "runtime", resource[2] == "runtime-endpoint" || resource[2] == "endpoint"
        else { throw .malformed("the resource is not runtime/<id>/runtime-endpoint/<name>") }
        guard WireID.isRuntimeID(resource[1]) else { throw .malformed("the runtime id is malformed") }
        guard WireID.isName(resource[3]) else { throw .malformed("the endpoint name is malformed") }
        runtime = RuntimeARN(
            region: parts.region, account: parts.account, runtimeID: String(resource[1]), partition: parts.partition)
        endpointName = String(resource[3])
    }
}
