import HTTPWire
import NIOCore
import NIOHTTP1
import Platform

/// Which headers cross the boundary, in either direction (contract §5, §9; decision 9).
///
/// A table, so that what an agent can see is read off in one place. Authorization and Cookie are in no
/// row and are refused for the allow-list too.
struct ForwardedHeaders {
    struct Rule {
        /// Lower case.
        var name: StaticString
        /// Name as sent on.
        var wire: StaticString
        /// Member of the request's shape, for messages.
        var member: String
        var length: ClosedRange<Int>
        /// Also in the response: the agent's own value, or else the request's.
        var isEchoed = false
    }

    static let sessionHeader = "x-amzn-bedrock-agentcore-runtime-session-id"

    static let rules: [Rule] = [
        Rule(name: "content-type", wire: "Content-Type", member: "contentType", length: 1...256),
        Rule(name: "accept", wire: "Accept", member: "accept", length: 1...256),
        Rule(name: "mcp-session-id", wire: "Mcp-Session-Id", member: "mcpSessionId", length: 1...1024, isEchoed: true),
        Rule(
            name: "mcp-protocol-version", wire: "Mcp-Protocol-Version", member: "mcpProtocolVersion", length: 1...1024,
            isEchoed: true),
        Rule(name: "mcp-method", wire: "Mcp-Method", member: "mcpMethod", length: 1...1024),
        Rule(name: "mcp-name", wire: "Mcp-Name", member: "mcpName", length: 1...1024),
        Rule(name: "x-amzn-trace-id", wire: "X-Amzn-Trace-Id", member: "traceId", length: 0...128, isEchoed: true),
        Rule(name: "traceparent", wire: "traceparent", member: "traceParent", length: 0...128, isEchoed: true),
        Rule(name: "tracestate", wire: "tracestate", member: "traceState", length: 0...512, isEchoed: true),
        Rule(name: "baggage", wire: "baggage", member: "baggage", length: 0...8192, isEchoed: true),
    ]

    /// Never forwarded, whatever an allow-list says.
    private static let never = [
        "authorization", "cookie", "proxy-authorization", "host", "connection", "transfer-encoding", "content-length",
    ]

    /// What a request brings of the table: the matching rules' indices and values, and the session id.
    struct Found {
        var sessionID: String?
        var values: [(rule: Int, value: String)] = []
    }

    static func scan(_ headers: HTTPHeaders) throws(SignalboxError) -> Found {
        var found = Found()
        for (name, value) in headers {
            let count = name.utf8.count
            if count == sessionHeader.utf8.count, equalsIgnoringCase(name, sessionHeader) {
                guard found.sessionID == nil else {
                    throw .validation("The header 'X-Amzn-Bedrock-AgentCore-Runtime-Session-Id' is given more than once.")
                }
                found.sessionID = value
                continue
            }
            guard let index = index(of: name, count: count) else { continue }
            try check(value, member: rules[index].member, length: rules[index].length)
            found.values.append((index, value))
        }
        if let sessionID = found.sessionID { try check(sessionID, member: "runtimeSessionId", length: 33...256) }
        return found
    }

    /// The rule of that name. Its length tells most names apart.
    private static func index(of name: String, count: Int) -> Int? {
        for (index, rule) in lengths.enumerated() where rule == count {
            if equalsIgnoringCase(name, names[index]) { return index }
        }
        return nil
    }

    private static let names = rules.map { "\($0.name)" }
    private static let lengths = names.map(\.utf8.count)

    static func check(_ value: String, member: String, length: ClosedRange<Int>) throws(SignalboxError) {
        let count = value.utf8.count
        if count < length.lowerBound {
            throw InvocationTarget.constraint(
                value, member: member, "Member must have length greater than or equal to \(length.lowerBound)")
        }
        if count > length.upperBound {
            throw InvocationTarget.constraint(
                String(value.prefix(256)), member: member, "Member must have length less than or equal to \(length.upperBound)")
        }
    }

    /// Bytes of the value of a header that an allow-list lets through (contract §9).
    static let maximumListedValue = 4096

    static func checkListed(_ headers: HTTPHeaders, _ agent: AgentProfile) throws(SignalboxError) {
        guard !agent.headerAllowlist.isEmpty else { return }
        for (name, value) in headers where value.utf8.count > maximumListedValue {
            if agent.headerAllowlist.contains(where: { equalsIgnoringCase(name, $0) }),
                !never.contains(where: { equalsIgnoringCase(name, $0) })
            {
                try check(value, member: name, length: 0...maximumListedValue)
            }
        }
    }

    /// The head of the request to the agent, without its framing and the empty line.
    static func writeRequest(
        into out: inout ByteBuffer, agent: AgentProfile, found: Found, sessionID: String, requestID: String, headers: HTTPHeaders
    ) {
        out.writeStaticString("POST ")
        out.writeString(agent.path)
        out.writeStaticString(" HTTP/1.1\r\nHost: localhost:")
        out.writeDecimal(agent.port)
        out.writeStaticString("\r\nX-Amzn-Bedrock-AgentCore-Runtime-Session-Id: ")
        out.writeString(sessionID)
        out.writeStaticString("\r\nX-Amzn-Bedrock-AgentCore-Runtime-Request-Id: ")
        out.writeString(requestID)
        out.writeStaticString("\r\n")
        for (rule, value) in found.values {
            out.writeStaticString(rules[rule].wire)
            out.writeStaticString(": ")
            out.writeString(value)
            out.writeStaticString("\r\n")
        }
        guard !agent.headerAllowlist.isEmpty else { return }
        for (name, value) in headers {
            let count = name.utf8.count
            let isListed = agent.headerAllowlist.contains { $0.utf8.count == count && equalsIgnoringCase(name, $0) }
            guard isListed, !never.contains(where: { equalsIgnoringCase(name, $0) }),
                index(of: name, count: count) == nil, count != sessionHeader.utf8.count || !equalsIgnoringCase(name, sessionHeader)
            else { continue }
            out.writeString(name)
            out.writeStaticString(": ")
            out.writeString(value)
            out.writeStaticString("\r\n")
        }
    }

    /// Fields of a successful response.
    static func reply(_ head: ResponseHead, found: Found, sessionID: String) -> FieldBlock {
        var fields = FieldBlock(capacity: 512)
        if let type = head.value("content-type") {
            fields.add("Content-Type", bytes: type)
        } else {
            fields.add("Content-Type", "application/json")
        }
        fields.add("X-Amzn-Bedrock-AgentCore-Runtime-Session-Id", sessionID)
        for index in rules.indices where rules[index].isEchoed {
            if let value = head.value(rules[index].name) {
                fields.add(rules[index].wire, bytes: value)
            } else if let value = found.values.first(where: { $0.rule == index })?.value {
                fields.add(rules[index].wire, bytes: value.utf8)
            }
        }
        return fields
    }
}
