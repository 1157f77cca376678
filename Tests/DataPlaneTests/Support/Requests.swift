let sessionA = "session-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
let sessionB = "session-bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

func invocation(
    _ body: String, session: String? = sessionA,
    path: String = "/runtimes/arn%3Aaws%3Abedrock-agentcore%3Aus-east-1%3A123456789012%3Aruntime%2Fagent-abcdefghij/invocations",
    query: String = "?qualifier=DEFAULT", extra: String = "", authorization: String? = "ok"
) -> String {
    var text = "POST \(path)\(query) HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    if let authorization { text += "Authorization: \(authorization)\r\n" }
    if let session { text += "X-Amzn-Bedrock-AgentCore-Runtime-Session-Id: \(session)\r\n" }
    return text + extra + "Content-Length: \(body.utf8.count)\r\n\r\n" + body
}
