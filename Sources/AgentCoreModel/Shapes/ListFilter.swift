/// Which runtimes or endpoints a list shows: all that every given part fits. Signalbox's own, by query
/// parameters that clients of AWS do not send: `namePrefix=order_`, `status=READY&status=UPDATING`,
/// `tag:team=search`.
public struct ListFilter: Sendable, Equatable {
    /// The name begins so.
    public var namePrefix: String?
    /// It is in one of these; empty and nil alike: in any.
    public var status: [AgentRuntimeStatus]?
    /// It has all of these, with these very values.
    public var tags: [String: String]?

    public init(namePrefix: String? = nil, status: [AgentRuntimeStatus]? = nil, tags: [String: String]? = nil) {
        self.namePrefix = namePrefix
        self.status = status
        self.tags = tags
    }

    /// Whether everything fits.
    public var isEmpty: Bool { namePrefix == nil && status?.isEmpty != false && tags?.isEmpty != false }

    /// The same for filters that mean the same, and for no others: page tokens are bound to it.
    public var canonical: [String] {
        guard !isEmpty else { return [] }
        return ["filter", namePrefix.map { "=" + $0 } ?? "", Set(status ?? []).map(\.rawValue).sorted().joined(separator: ",")]
            + (tags ?? [:]).sorted { $0.key < $1.key }.flatMap { [$0.key, $0.value] }
    }

    /// As parameters of a request, decoded.
    public var query: [(String, String)] {
        (namePrefix.map { [("namePrefix", $0)] } ?? []) + (status ?? []).map { ("status", $0.rawValue) }
            + (tags ?? [:]).map { (Self.tagPrefix + $0.key, $0.value) }
    }

    private static let tagPrefix = "tag:"

    static let members: [Schema.Member] = [
        .optional(
            "namePrefix", .string("NamePrefix", pattern: "[a-zA-Z][a-zA-Z0-9_]{0,47}"), in: .query("namePrefix")),
        .optional("status", .list("StatusFilter", of: .agentRuntimeStatus, 1...7), in: .query("status")),
        .optional("tags", .tagsMap, in: .queryMap(prefix: tagPrefix)),
    ]
}
