/// An image, named so that it can't become another one.
public struct SandboxImage: Codable, Sendable, Equatable {
    /// `sha256:…`: the hash of the image's configuration, which names every layer by its own hash.
    public var id: String
    /// `name@sha256:…`: where a host that lacks it may pull it from. `nil`: it is in no registry.
    public var source: String?

    public init(id: String, source: String?) {
        self.id = id
        self.source = source
    }
}

/// What the host's container engine found under an image's name.
public struct ResolvedImage: Codable, Sendable, Equatable {
    public var image: SandboxImage
    /// As in `linux/amd64`.
    public var platform: String
    /// Bytes, unpacked.
    public var size: Int64
    /// What the caller should know although it went well, for people.
    public var remark: String?

    public init(image: SandboxImage, platform: String, size: Int64, remark: String? = nil) {
        self.image = image
        self.platform = platform
        self.size = size
        self.remark = remark
    }
}

/// How the host's container engine is found and used.
public struct ContainerSettings: Sendable, Equatable {
    public enum Host: Sendable, Equatable {
        /// `DOCKER_HOST`, or the socket of Docker or Podman that answers.
        case automatic
        /// No containers.
        case off
        /// As `DOCKER_HOST` would name it.
        case at(String)
    }

    public var host: Host
    /// Name of the OCI runtime, such as `runsc`; `nil`: the engine's default.
    public var runtime: String?
    /// Bytes that an image may have, unpacked.
    public var maximumImageSize: Int64
    /// How long a pull may take.
    public var pullTimeout: Duration
    /// Where `DOCKER_HOST`, credentials and helpers are looked for.
    public var environment: [String: String]

    public init(
        host: Host = .automatic, runtime: String? = nil, maximumImageSize: Int64 = 2 << 30, pullTimeout: Duration = .seconds(900),
        environment: [String: String] = [:]
    ) {
        self.host = host
        self.runtime = runtime
        self.maximumImageSize = maximumImageSize
        self.pullTimeout = pullTimeout
        self.environment = environment
    }
}
