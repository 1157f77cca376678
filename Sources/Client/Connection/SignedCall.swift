import AgentCoreModel

/// A request before it is signed.
struct SignedCall: Sendable {
    enum Service: String, Sendable {
        case agentCore = "bedrock-agentcore"
        case objects = "s3"
    }

    var method: String
    /// Base URL without a slash at the end.
    var base: String
    /// Begins with a slash; percent-encoded as it goes on the wire.
    var path: String
    /// Decoded.
    var query: [(String, String)] = []
    var headers: [(String, String)] = []
    var body: [UInt8] = []
    var service = Service.agentCore

    /// The query as it goes on the wire, sorted as it is signed.
    var rawQuery: String {
        query.map { (PercentEncoding.encode($0), PercentEncoding.encode($1)) }.sorted { $0 < $1 }
            .map { "\($0)=\($1)" }.joined(separator: "&")
    }

    var url: String { base + path + (query.isEmpty ? "" : "?" + rawQuery) }

    /// The path as the server sees it: with the base URL's prefix.
    var rawPath: String { base.pathPrefix + path }

    /// `host:port` as in the URL.
    var host: String { base.authority }
}

extension String {
    /// What stands between `://` and the next slash.
    fileprivate var authority: String {
        let rest = afterScheme
        return String(rest.prefix { $0 != "/" })
    }

    /// What follows the authority.
    fileprivate var pathPrefix: String {
        let rest = afterScheme
        return String(rest.drop { $0 != "/" })
    }

    private var afterScheme: Substring {
        guard let colon = firstIndex(of: ":"), self[colon...].hasPrefix("://") else { return self[...] }
        return self[index(colon, offsetBy: 3)...]
    }
}
