/// Input of TagResource.
public struct TagResourceRequest: OperationInput {
    public var resourceArn: String
    /// Added to the resource's tags; a key that it has gets the new value.
    public var tags: [String: String]

    public init(resourceArn: String, tags: [String: String]) {
        self.resourceArn = resourceArn
        self.tags = tags
    }

    public static let schema = Schema.structure(
        "TagResourceRequest",
        [.required("resourceArn", .taggableResourcesArn, in: .path), .required("tags", .tagsMap)])

    public static let operation = Operation.tagResource

    public func ruleFailures(_ options: ValidationOptions) -> [RuleFailure] { TagRules.failures(tags) }
}

/// Output of TagResource: nothing.
public struct TagResourceResponse: Shape {
    public init() {}

    public static let schema = Schema.structure("TagResourceResponse", [])
}

/// Input of UntagResource.
public struct UntagResourceRequest: OperationInput {
    public var resourceArn: String
    /// Keys that the resource does not have do no harm.
    public var tagKeys: [String]

    public init(resourceArn: String, tagKeys: [String]) {
        self.resourceArn = resourceArn
        self.tagKeys = tagKeys
    }

    public static let schema = Schema.structure(
        "UntagResourceRequest",
        [
            .required("resourceArn", .taggableResourcesArn, in: .path),
            .required("tagKeys", .list("TagKeyList", of: .tagKey, 0...200), in: .query("tagKeys")),
        ])

    public static let operation = Operation.untagResource
}

/// Output of UntagResource: nothing.
public struct UntagResourceResponse: Shape {
    public init() {}

    public static let schema = Schema.structure("UntagResourceResponse", [])
}

/// Input of ListTagsForResource.
public struct ListTagsForResourceRequest: OperationInput {
    public var resourceArn: String

    public init(resourceArn: String) { self.resourceArn = resourceArn }

    public static let schema = Schema.structure(
        "ListTagsForResourceRequest", [.required("resourceArn", .taggableResourcesArn, in: .path)])

    public static let operation = Operation.listTagsForResource
}

/// Output of ListTagsForResource.
public struct ListTagsForResourceResponse: Shape {
    public var tags: [String: String]?

    public init(tags: [String: String]? = nil) { self.tags = tags }

    public static let schema = Schema.structure("ListTagsForResourceResponse", [.optional("tags", .tagsMap)])
}
