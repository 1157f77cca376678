import AgentCoreModel
import ControlPlane
import NIOCore
import Platform

/// The reads that clients poll: their answers are kept, with what they were made of.
extension ControlRoute {
    static func getAgentRuntime(_ plane: ControlPlane, _ answers: AnswerCache) -> ControlRoute {
        var route = ControlRoute(plane.getAgentRuntime)
        route.answer = { call, parameters in
            let input = try call.decode(GetAgentRuntimeRequest.self, parameters)
            let (response, source) = try await plane.readAgentRuntime(call.context, input)
            return try Answer(response, source, answers, call.context, input.agentRuntimeId, .version(input.agentRuntimeVersion))
        }
        route.answerKey = { account, region, parameters, rawQuery in
            guard let id = parameters["agentRuntimeId"], let version = versionAsked(rawQuery) else { return nil }
            return AnswerKey(account: account, region: region, runtimeID: id, part: .version(version.isEmpty ? nil : version))
        }
        return route
    }

    static func getAgentRuntimeEndpoint(_ plane: ControlPlane, _ answers: AnswerCache) -> ControlRoute {
        var route = ControlRoute(plane.getAgentRuntimeEndpoint)
        route.answer = { call, parameters in
            let input = try call.decode(GetAgentRuntimeEndpointRequest.self, parameters)
            let (response, source) = try await plane.readAgentRuntimeEndpoint(call.context, input)
            return try Answer(response, source, answers, call.context, input.agentRuntimeId, .endpoint(input.endpointName))
        }
        route.answerKey = { account, region, parameters, rawQuery in
            guard rawQuery.isEmpty, let id = parameters["agentRuntimeId"], let name = parameters["endpointName"] else { return nil }
            return AnswerKey(account: account, region: region, runtimeID: id, part: .endpoint(name))
        }
        return route
    }

    /// The version that a query asks for, empty for none; nil for a query that holds anything else. An
    /// answer is kept only under what the decoder took, so a number that is none finds nothing.
    private static func versionAsked(_ rawQuery: String) -> String? {
        if rawQuery.isEmpty { return "" }
        let prefix = "version="
        guard rawQuery.hasPrefix(prefix) else { return nil }
        let number = rawQuery.dropFirst(prefix.utf8.count)
        return !number.isEmpty && number.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) ? String(number) : nil
    }
}

extension ControlRoute.Answer {
    /// Encodes a response, and keeps it.
    fileprivate init(
        _ response: some Encodable, _ source: AnswerSource?, _ answers: AnswerCache, _ c: OperationContext, _ runtimeID: String,
        _ part: AnswerKey.Part
    ) throws {
        let bytes = ByteBuffer(bytes: try JSONValueEncoder.encode(response).bytes())
        file = (bytes, "application/json")
        guard let source else { return }
        answers.keep(AnswerKey(account: c.account, region: c.region, runtimeID: runtimeID, part: part), bytes, source)
    }
}
