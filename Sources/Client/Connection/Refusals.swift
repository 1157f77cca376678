import AgentCoreModel
import AsyncHTTPClient
import NIOHTTP1

/// Reads an error answer: AWS's JSON on both planes, S3's XML for objects.
enum Refusals {
    static func read(_ response: HTTPClientResponse, _ body: [UInt8]) -> ClientError.Refusal {
        read(status: Int(response.status.code), headers: response.headers, body)
    }

    static func read(status: Int, headers: HTTPHeaders, _ body: [UInt8]) -> ClientError.Refusal {
        let text = String(decoding: body, as: UTF8.self)
        let requestID = headers.first(name: "x-amzn-requestid") ?? headers.first(name: "x-amz-request-id")
        var code = headers.first(name: "x-amzn-errortype").map { String($0.prefix { $0 != ":" }) }
        var message: String?
        if let json = try? JSONValue(parsing: body) {
            message = json["message"]?.string ?? json["Message"]?.string
        } else if text.contains("<Error>") {
            code = code ?? XML.text(of: "Code", in: text)
            message = XML.text(of: "Message", in: text)
        }
        return ClientError.Refusal(
            status: status, code: code ?? "HTTP \(status)",
            message: message ?? (text.isEmpty ? "no explanation was given" : String(text.prefix(500))), requestID: requestID)
    }
}

/// The little XML that S3's answers need.
enum XML {
    /// Text of the first element of that name that holds no other element.
    static func text(of element: String, in document: String) -> String? {
        guard let start = document.firstRange(of: "<\(element)>")?.upperBound,
            let end = document[start...].firstRange(of: "</\(element)>")?.lowerBound
        else { return nil }
        var text = String(document[start..<end])
        // Ampersand last, or "&amp;lt;" would become "<".
        for (entity, character) in [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&amp;", "&")] {
            text = text.replacing(entity, with: character)
        }
        return text
    }

    static func escape(_ text: String) -> String {
        text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
    }
}
