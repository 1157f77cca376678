/// What a version runs: exactly one member is set.
public struct AgentRuntimeArtifact: Shape {
    public var containerConfiguration: ContainerConfiguration?
    public var codeConfiguration: CodeConfiguration?

    public init(containerConfiguration: ContainerConfiguration? = nil, codeConfiguration: CodeConfiguration? = nil) {
        self.containerConfiguration = containerConfiguration
        self.codeConfiguration = codeConfiguration
    }

    public static let schema = Schema.union(
        "AgentRuntimeArtifact",
        [
            .optional("containerConfiguration", ContainerConfiguration.schema),
            .optional("codeConfiguration", CodeConfiguration.schema),
        ])
}

/// A container image.
public struct ContainerConfiguration: Shape {
    /// Any OCI reference; AWS's own pattern applies when the server is told to be strict (contract §12).
    public var containerUri: String

    public init(containerUri: String) {
        self.containerUri = containerUri
    }

    public static let schema = Schema.structure(
        "ContainerConfiguration",
        [
            .required("containerUri", RuntimeContainerUri.schema)
        ])
}

/// A zip archive in the object store and how to start it (contract §12).
public struct CodeConfiguration: Shape {
    public var code: Code
    public var runtime: AgentManagedRuntimeType
    /// A program in the archive, or a launcher and a program: `["opentelemetry-instrument", "main.py"]`.
    public var entryPoint: [String]

    public init(code: Code, runtime: AgentManagedRuntimeType, entryPoint: [String]) {
        self.code = code
        self.runtime = runtime
        self.entryPoint = entryPoint
    }

    public static let schema = Schema.structure(
        "CodeConfiguration",
        [
            .required("code", Code.schema),
            .required("runtime", AgentManagedRuntimeType.schema),
            .required("entryPoint", .list("CodeConfigurationEntryPointList", of: .string("entryPoint", 1...128), 1...2)),
        ])
}

/// Where the archive is: exactly one member is set.
public struct Code: Shape {
    public var s3: S3Location?

    public init(s3: S3Location? = nil) {
        self.s3 = s3
    }

    public static let schema = Schema.union(
        "Code",
        [
            .optional("s3", S3Location.schema)
        ])
}

/// An object of the artifact store.
public struct S3Location: Shape {
    public var bucket: String
    /// The object's whole key, whatever the name says.
    public var prefix: String
    public var versionId: String?

    public init(bucket: String, prefix: String, versionId: String? = nil) {
        self.bucket = bucket
        self.prefix = prefix
        self.versionId = versionId
    }

    public static let schema = Schema.structure(
        "S3Location",
        [
            .required("bucket", .string("S3LocationBucketString", pattern: "[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")),
            .required("prefix", .string("S3LocationPrefixString", 1...1024)),
            .optional("versionId", .string("S3LocationVersionIdString", 3...1024)),
        ])
}

/// Interpreter of a code archive.
public enum AgentManagedRuntimeType: String, Codable, Sendable, CaseIterable {
    case python3_10 = "PYTHON_3_10"
    case python3_11 = "PYTHON_3_11"
    case python3_12 = "PYTHON_3_12"
    case python3_13 = "PYTHON_3_13"
    case python3_14 = "PYTHON_3_14"
    case node22 = "NODE_22"

    static let schema = Schema.enumeration("AgentManagedRuntimeType", AgentManagedRuntimeType.self)
}

/// The two rules for `containerUri`. Which one holds is the server's choice, not the caller's.
public enum RuntimeContainerUri {
    /// AWS's pattern: images of ECR only.
    static let strict = Pattern(
        #"(([0-9]{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com(\.cn)?|public\.ecr\.aws)/((?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*)(?::([^:@]{1,300}))?(?:@(.+))?"#
    )

    /// An OCI reference: `[host[:port]/]path[:tag][@algorithm:hex]`, as distribution's grammar has it.
    static let schema = Schema.string(
        "RuntimeContainerUri", 1...1024,
        pattern:
            #"([a-zA-Z0-9]([a-zA-Z0-9.-]*[a-zA-Z0-9])?(:[0-9]{1,5})?/)?[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*(:[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,127})?(@[A-Za-z][A-Za-z0-9]*([-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,512})?"#
    )
}
