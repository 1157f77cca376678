public import Platform

#if canImport(FoundationEssentials)
public import FoundationEssentials
#else
public import Foundation
#endif

/// What the object storage takes at most.
public struct ObjectLimits: Sendable, Equatable {
    /// Bytes of one object, however it is uploaded.
    public var objectBytes: Int64 = 1_073_741_824
    /// Bytes of every part but the last. S3: 5 MiB.
    public var smallestPartBytes: Int64 = 5 * 1_048_576
    /// Bytes of an object's user metadata, names and values. S3: 2 KB.
    public var metadataBytes = 2048
    /// An upload that has not ended after this many seconds is swept away, as is an unreferenced artifact.
    public var staleSeconds: Double = 3600

    public init() {}
}

public struct BucketRecord: Sendable, Equatable {
    public var name: String
    public var region: String
    public var createdAt: Date
}

/// An object as HEAD shows it.
public struct ObjectRecord: Sendable, Equatable {
    public var key: String
    /// Without quotes: MD5 in hex, or `<md5 of md5s>-<parts>` for a multipart upload.
    public var etag: String
    public var versionID: String
    public var size: Int64
    public var contentType: String
    /// User metadata; names in lower case without `x-amz-meta-`.
    public var metadata: [String: String]
    public var lastModified: Date
    public var artifact: ArtifactReference
}

/// What a caller says of an object beside its bytes.
public struct ObjectAttributes: Sendable, Equatable {
    public var contentType: String
    public var metadata: [String: String]

    public init(contentType: String = "binary/octet-stream", metadata: [String: String] = [:]) {
        self.contentType = contentType
        self.metadata = metadata
    }
}

/// `If-Match` and `If-None-Match`; ETags without quotes, `*` as it stands.
public struct ObjectCondition: Sendable, Equatable {
    public var ifMatch: [String]
    public var ifNoneMatch: [String]

    public static let none = ObjectCondition()

    public init(ifMatch: [String] = [], ifNoneMatch: [String] = []) {
        self.ifMatch = ifMatch
        self.ifNoneMatch = ifNoneMatch
    }

    func matches(_ list: [String], _ etag: String?) -> Bool {
        guard let etag else { return false }
        return list.contains("*") || list.contains(etag)
    }

    /// Throws `PreconditionFailed` unless the object that is there (nil: none) may be replaced.
    func checkWrite(current etag: String?) throws(ObjectError) {
        if !ifMatch.isEmpty {
            guard etag != nil else { throw .noSuchKey }
            guard matches(ifMatch, etag) else { throw .preconditionFailed }
        }
        if matches(ifNoneMatch, etag) { throw .preconditionFailed }
    }

    /// For GET and HEAD; a matching `If-None-Match` is 304, not an error of the caller's.
    func checkRead(current etag: String) throws(ObjectError) {
        if !ifMatch.isEmpty, !matches(ifMatch, etag) { throw .preconditionFailed }
        if matches(ifNoneMatch, etag) { throw ObjectError(.notModified, "Not Modified") }
    }
}

/// What must hold of a body, as its headers announced it.
public struct ObjectDigests: Sendable, Equatable {
    /// Bytes that must come; nil when the caller did not say.
    public var length: Int64?
    /// `Content-MD5`, decoded: 16 bytes.
    public var md5: [UInt8]?
    /// `x-amz-content-sha256` where it is a hash: 64 hex digits in lower case.
    public var sha256: String?
    /// `x-amz-checksum-*`, decoded.
    public var checksums: [ObjectChecksum: [UInt8]]

    public static let none = ObjectDigests()

    public init(
        length: Int64? = nil, md5: [UInt8]? = nil, sha256: String? = nil, checksums: [ObjectChecksum: [UInt8]] = [:]
    ) {
        self.length = length
        self.md5 = md5
        self.sha256 = sha256
        self.checksums = checksums
    }
}

/// One range of bytes as a request may ask for it (RFC 9110 §14.1).
public enum ByteRange: Sendable, Equatable {
    /// From the first offset to the last one included; nil: to the end.
    case from(Int64, through: Int64?)
    /// The last so many bytes.
    case suffix(Int64)

    /// The bytes of an object of `size` that are meant. Throws `InvalidRange` when there are none.
    public func resolve(size: Int64) throws(ObjectError) -> Range<Int64> {
        let unsatisfiable = ObjectError(.invalidRange, "The requested range is not satisfiable: the object has \(size) bytes.")
        switch self {
        case .from(let first, let last):
            guard first < size else { throw unsatisfiable }
            return first..<min(size, (last ?? size - 1) + 1)
        case .suffix(let count):
            guard count > 0, size > 0 else { throw unsatisfiable }
            return max(0, size - count)..<size
        }
    }
}

/// An object opened for reading.
public struct ObjectContent: Sendable {
    public var record: ObjectRecord
    /// What `bytes` yields of the object; the whole of it unless a range was asked for.
    public var range: Range<Int64>
    public var bytes: ArtifactBytes
}

/// One page of ListObjectsV2.
public struct ObjectPage: Sendable, Equatable {
    public var objects: [ObjectRecord] = []
    public var commonPrefixes: [String] = []
    /// Opaque; nil on the last page.
    public var nextToken: String?
    /// Names above this one follow; nil on the last page. For ListObjects, which knows no token.
    public var nextMarker: String?
    /// Objects and common prefixes together.
    public var count: Int { objects.count + commonPrefixes.count }
}

public struct ObjectListRequest: Sendable, Equatable {
    public var prefix = ""
    public var delimiter = ""
    /// Names up to and including this one are left out; ignored once there is a token.
    public var startAfter = ""
    public var continuationToken: String?
    /// 1…1000.
    public var maximum = 1000

    public init() {}
}

public struct UploadedPart: Sendable, Equatable {
    public var number: Int
    /// Without quotes.
    public var etag: String
    public var size: Int64
    public var lastModified: Date
}

public struct MultipartUpload: Sendable, Equatable {
    public var id: String
    public var key: String
    public var initiated: Date
}
