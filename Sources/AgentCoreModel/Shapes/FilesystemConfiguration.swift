/// A file system of a session: exactly one member is set.
public struct FilesystemConfiguration: Shape {
    public var sessionStorage: SessionStorageConfiguration?
    public var s3FilesAccessPoint: S3FilesAccessPointConfiguration?
    public var efsAccessPoint: EfsAccessPointConfiguration?

    public init(
        sessionStorage: SessionStorageConfiguration? = nil, s3FilesAccessPoint: S3FilesAccessPointConfiguration? = nil,
        efsAccessPoint: EfsAccessPointConfiguration? = nil
    ) {
        self.sessionStorage = sessionStorage
        self.s3FilesAccessPoint = s3FilesAccessPoint
        self.efsAccessPoint = efsAccessPoint
    }

    public static let schema = Schema.union(
        "FilesystemConfiguration",
        [
            .optional("sessionStorage", SessionStorageConfiguration.schema),
            .optional("s3FilesAccessPoint", S3FilesAccessPointConfiguration.schema),
            .optional("efsAccessPoint", EfsAccessPointConfiguration.schema),
            .refused("capacityProviderVolume", because: "capacity providers are not available here"),
        ])

    static let listSchema = Schema.list("FilesystemConfigurations", of: schema, 0...5)

    /// The mount path of whichever member is set.
    public var mountPath: String? {
        sessionStorage?.mountPath ?? s3FilesAccessPoint?.mountPath ?? efsAccessPoint?.mountPath
    }

    static let mountPathSchema = Schema.string("MountPath", 6...200, pattern: "/mnt/[a-zA-Z0-9._-]+/?")
}

/// Storage that outlives a session's compute.
public struct SessionStorageConfiguration: Shape {
    public var mountPath: String

    public init(mountPath: String) {
        self.mountPath = mountPath
    }

    public static let schema = Schema.structure(
        "SessionStorageConfiguration",
        [
            .required("mountPath", FilesystemConfiguration.mountPathSchema)
        ])
}

/// An S3 Files access point.
public struct S3FilesAccessPointConfiguration: Shape {
    public var accessPointArn: String
    public var mountPath: String

    public init(accessPointArn: String, mountPath: String) {
        self.accessPointArn = accessPointArn
        self.mountPath = mountPath
    }

    public static let schema = Schema.structure(
        "S3FilesAccessPointConfiguration",
        [
            .required(
                "accessPointArn",
                .string(
                    "S3FilesAccessPointArn", 0...256,
                    pattern: "arn:aws[-a-z]*:s3files:[0-9a-z-:]+:file-system/fs-[0-9a-f]{17,40}/access-point/fsap-[0-9a-f]{17,40}")),
            .required("mountPath", FilesystemConfiguration.mountPathSchema),
        ])
}

/// An EFS access point.
public struct EfsAccessPointConfiguration: Shape {
    public var accessPointArn: String
    public var mountPath: String

    public init(accessPointArn: String, mountPath: String) {
        self.accessPointArn = accessPointArn
        self.mountPath = mountPath
    }

    public static let schema = Schema.structure(
        "EfsAccessPointConfiguration",
        [
            .required(
                "accessPointArn",
                .string(
                    "EfsAccessPointArn", 0...128,
                    pattern: "arn:aws[-a-z]*:elasticfilesystem:[0-9a-z-:]+:access-point/fsap-[0-9a-f]{8,40}")),
            .required("mountPath", FilesystemConfiguration.mountPathSchema),
        ])
}
