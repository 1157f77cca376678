public import AgentCoreModel

/// The OpenAPI document as one page that needs nothing besides itself. Its source is
/// `openapi/reference.html`.
public enum ReferencePage {
    private static let mark = "{{DOCUMENT}}"

    /// - Parameter server: Where the API is; relative means where the page comes from.
    public static func html(server: String = OpenAPI.defaultServer) -> String {
        // Inside a script element only "</" could end it, and JSON may write the slash escaped.
        let document = OpenAPI.document(server: server).text.split(separator: "</", omittingEmptySubsequences: false).joined(
            separator: #"<\/"#)
        let parts = template.split(separator: mark, maxSplits: 1, omittingEmptySubsequences: false)
        return parts.joined(separator: document)
    }
}
