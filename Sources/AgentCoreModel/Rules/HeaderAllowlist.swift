/// Which headers a version may ask for (contract §9).
public enum HeaderAllowlist {
    /// Always legal, though every other `x-amzn-` header is not.
    public static let customPrefix = "x-amzn-bedrock-agentcore-runtime-custom-"

    /// Whether the name may stand in an allow-list, whatever its case. `authorization` may, but only
    /// beside a JWT authorizer.
    public static func isRestricted(_ name: String) -> Bool {
        let name = name.lowercased()
        if name.hasPrefix(customPrefix) { return name.utf8.count == customPrefix.utf8.count }
        return restricted.contains(name) || restrictedPrefixes.contains { name.hasPrefix($0) }
    }

    static func failures(_ names: [String], hasJWTAuthorizer: Bool) -> [RuleFailure] {
        var failures: [RuleFailure] = []
        var seen: Set<String> = []
        for name in names {
            let lowercase = name.lowercased()
            var problem: String?
            if !seen.insert(lowercase).inserted {
                problem = "Header names of requestHeaderAllowlist must be unique, whatever their case: '\(name)'"
            } else if lowercase == "authorization", !hasJWTAuthorizer {
                problem = "Header '\(name)' in requestHeaderAllowlist requires a customJWTAuthorizer"
            } else if isRestricted(lowercase) {
                problem = "Header '\(name)' in requestHeaderAllowlist is restricted"
            }
            if let problem {
                failures.append(
                    RuleFailure("requestHeaderConfiguration.requestHeaderAllowlist", also: "authorizerConfiguration", problem))
            }
        }
        return failures
    }

    private static let restrictedPrefixes = ["x-amzn-", "x-amz-", "access-control-"]

    private static let restricted: Set<String> = [
        "proxy-authorization", "www-authenticate",
        "accept", "accept-charset", "accept-encoding", "accept-language", "accept-ranges",
        "content-type", "content-length", "content-encoding", "content-language", "content-location", "content-range",
        "cache-control", "etag", "expires", "if-match", "if-modified-since", "if-none-match", "if-range",
        "if-unmodified-since", "last-modified", "pragma", "vary",
        "connection", "keep-alive", "proxy-connection", "upgrade",
        "host", "user-agent", "referer", "from", "range",
        "transfer-encoding", "te", "trailer",
        "server", "date", "location", "retry-after", "set-cookie", "cookie",
        "content-security-policy", "content-security-policy-report-only", "strict-transport-security",
        "x-content-type-options", "x-frame-options", "x-xss-protection", "referrer-policy", "permissions-policy",
        "cross-origin-embedder-policy", "cross-origin-opener-policy", "cross-origin-resource-policy",
        "origin", "accept-ch", "accept-ch-lifetime", "dpr", "width", "viewport-width", "downlink", "ect", "rtt",
        "save-data", "clear-site-data", "feature-policy", "expect-ct",
        "public-key-pins", "public-key-pins-report-only",
        "via", "forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip",
        "x-requested-with", "x-csrf-token", "true-client-ip",
        "x-client-ip", "x-cluster-client-ip", "x-originating-ip", "x-source-ip",
        "x-original-url", "x-original-host", "x-rewrite-url",
        "cf-ray", "cf-connecting-ip", "x-cache", "x-served-by", "link",
        "sec-websocket-key", "sec-websocket-accept", "sec-websocket-version", "sec-websocket-protocol",
        "sec-websocket-extensions",
    ]
}
