import Platform
import Testing

@testable import AgentCoreModel

@Suite struct ListFilterTests {
    private func decode(_ query: [(String, String)]) throws(SignalboxError) -> ListAgentRuntimesRequest {
        try RequestDecoder.decode(ListAgentRuntimesRequest.self, query: query)
    }

    @Test func readsWhatItWrites() throws {
        let filter = ListFilter(namePrefix: "order_", status: [.ready, .updating], tags: ["team": "a b", "k=v": "", "x:y": "="])
        #expect(try decode(filter.query + [("maxResults", "7")]).filter == filter)
        #expect(try decode([("unknown", "1"), ("Tag:a", "b")]).filter == ListFilter())
        #expect(try decode([]).filter.isEmpty)
        let endpoints = try RequestDecoder.decode(
            ListAgentRuntimeEndpointsRequest.self, path: ["agentRuntimeId": "hello-AbC123dEf9"], query: filter.query)
        #expect(endpoints.filter == filter)
    }

    @Test(arguments: [
        ([("namePrefix", "")], "namePrefix"), ([("namePrefix", "a-b")], "namePrefix"),
        ([("namePrefix", "a"), ("namePrefix", "b")], "namePrefix"),
        ([("status", "ready")], "status.1.member"), ([("status", "READY"), ("status", "")], "status.2.member"), ([("tag:", "x")], "tags"),
        ([("tag:a", "!")], "tags"), ([("tag:a", "x"), ("tag:a", "x")], "tags"),
    ])
    func refusals(_ query: [(String, String)], _ member: String) {
        let error = #expect(throws: SignalboxError.self) { try decode(query) }
        guard case .validation(_, let fields)? = error?.kind else { return #expect(Bool(false), "\(query)") }
        #expect(fields.map(\.name) == [member])
    }

    @Test func whatMeansTheSameIsWrittenTheSame() {
        let one = ListFilter(namePrefix: "a", status: [.ready, .updating], tags: ["x": "1", "y": "2"])
        #expect(one.canonical == ListFilter(namePrefix: "a", status: [.updating, .ready, .ready], tags: ["y": "2", "x": "1"]).canonical)
        let others = [
            ListFilter(), ListFilter(namePrefix: "a"), ListFilter(namePrefix: "READY"), ListFilter(status: [.ready]),
            ListFilter(tags: ["x": "1"]),
            ListFilter(tags: ["x": "1", "y": "2"]), ListFilter(namePrefix: "x", tags: ["1": "y"]),
        ]
        #expect(Set(others.map(\.canonical)).count == others.count)
        #expect(ListFilter(status: [], tags: [:]).canonical == [])
    }
}
