/// Where a Signalbox is, and as whom to call it.
public struct Connection: Sendable, Equatable {
    /// Base URLs without a slash at the end; a path prefix is kept.
    public var controlPlane: String
    public var dataPlane: String
    /// The S3-compatible objects: `http://host:port/_s3`.
    public var objects: String
    public var region: String
    public var credential: Credential
    /// Twelve digits; nil when nothing said which account the key belongs to.
    public var account: String?
    public var trust = Trust.system

    /// Which certificates are good.
    public enum Trust: Sendable, Equatable {
        /// Those that the host trusts.
        case system
        /// Those that the authorities in a PEM file vouch for, such as that of `AWS_CA_BUNDLE`.
        case authorities(String)
        /// Any: for the server of a home on this host, which the home itself names.
        case ownServer
    }

    public init(
        controlPlane: String, dataPlane: String, objects: String, region: String, credential: Credential, account: String?
    ) {
        self.controlPlane = controlPlane.withoutTrailingSlash
        self.dataPlane = dataPlane.withoutTrailingSlash
        self.objects = objects.withoutTrailingSlash
        self.region = region
        self.credential = credential
        self.account = account
    }

    /// Everything at one Signalbox's URL.
    public init(url: String, region: String, credential: Credential, account: String?) {
        self.init(
            controlPlane: url, dataPlane: url, objects: url.withoutTrailingSlash + "/_s3", region: region,
            credential: credential, account: account)
    }
}

/// An access key. Its description never shows the secret.
public struct Credential: Sendable, Equatable, CustomStringConvertible {
    public var accessKeyID: String
    public var secretAccessKey: String
    public var sessionToken: String?

    public init(accessKeyID: String, secretAccessKey: String, sessionToken: String? = nil) {
        self.accessKeyID = accessKeyID
        self.secretAccessKey = secretAccessKey
        self.sessionToken = sessionToken
    }

    public var description: String { "access key \(accessKeyID)" }
}

extension Credential: CustomDebugStringConvertible, CustomReflectable {
    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: ["accessKeyID": accessKeyID]) }
}

extension String {
    var withoutTrailingSlash: String { hasSuffix("/") ? String(dropLast()) : self }
}
