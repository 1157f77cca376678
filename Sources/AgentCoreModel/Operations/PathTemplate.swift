/// A path with `{parameters}`, such as `/runtimes/{agentRuntimeId}/versions/`.
public struct PathTemplate: Sendable, Hashable, CustomStringConvertible {
    public enum Segment: Sendable, Hashable {
        case literal(String)
        case parameter(String)
    }

    /// As botocore writes it, trailing slash included.
    public let description: String
    public let segments: [Segment]

    public init(_ text: String) {
        description = text
        segments = text.split(separator: "/").map { part in
            part.first == "{" ? .parameter(String(part.dropFirst().dropLast())) : .literal(String(part))
        }
    }

    /// The path on the wire, every parameter percent-encoded; nil when one is missing or empty.
    public func path(_ parameters: [String: String]) -> String? {
        var path = ""
        for segment in segments {
            switch segment {
            case .literal(let text): path += "/" + text
            case .parameter(let name):
                guard let value = parameters[name], !value.isEmpty else { return nil }
                path += "/" + PercentEncoding.encode(value)
            }
        }
        return description.hasSuffix("/") ? path + "/" : path
    }

    /// An ARN at the end: its slashes may stand unencoded (contract §1).
    private var endsWithARN: Bool { segments.last == .parameter("resourceArn") }

    /// The decoded parameters of a raw path, with or without the trailing slash; nil when the path is
    /// another one or is badly encoded.
    public func parameters(in rawPath: some StringProtocol) -> [String: String]? {
        var parts: [Substring] = Substring(rawPath).split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count > 1, parts.removeFirst().isEmpty else { return nil }
        if parts.last?.isEmpty == true { parts.removeLast() }
        if endsWithARN, parts.count > segments.count {
            let first = segments.count - 1
            parts.replaceSubrange(first..., with: [Substring(parts[first...].joined(separator: "/"))])
        }
        guard parts.count == segments.count else { return nil }
        var parameters: [String: String] = [:]
        for (segment, part) in zip(segments, parts) {
            switch segment {
            case .literal(let text): guard part == text else { return nil }
            case .parameter(let name):
                guard !part.isEmpty, let value = PercentEncoding.decode(part) else { return nil }
                parameters[name] = value
            }
        }
        return parameters
    }
}
