/// Rules for bucket names and keys (Amazon S3 user guide, "Bucket naming rules", "Object key names").
enum ObjectNames {
    static func checkBucket(_ name: String) throws(ObjectError) {
        let invalid = ObjectError(
            .invalidBucketName,
            "The specified bucket is not valid: 3 to 63 lower-case letters, digits, dots and hyphens, a letter or digit at both ends.")
        let bytes = Array(name.utf8)
        guard (3...63).contains(bytes.count) else { throw invalid }
        func isAlphanumeric(_ byte: UInt8) -> Bool { (0x61...0x7a).contains(byte) || (0x30...0x39).contains(byte) }
        guard let first = bytes.first, let last = bytes.last, isAlphanumeric(first), isAlphanumeric(last),
            bytes.allSatisfy({ isAlphanumeric($0) || $0 == 0x2d || $0 == 0x2e }), !name.contains("..")
        else { throw invalid }
    }

    static func checkKey(_ key: String) throws(ObjectError) {
        guard !key.isEmpty else { throw ObjectError(.invalidArgument, "The key is empty.") }
        guard key.utf8.count <= 1024 else { throw ObjectError(.keyTooLong, "Your key is too long: at most 1024 bytes.") }
        // PostgreSQL's text can't hold it, and no file system either.
        guard !key.utf8.contains(0) else { throw ObjectError(.invalidArgument, "The key contains a NUL byte.") }
    }

    static func check(_ attributes: ObjectAttributes, limits: ObjectLimits) throws(ObjectError) {
        let bytes = attributes.metadata.reduce(0) { $0 + $1.key.utf8.count + $1.value.utf8.count }
        guard bytes <= limits.metadataBytes else {
            throw ObjectError(
                .metadataTooLarge, "Your metadata headers exceed the maximum allowed metadata size of \(limits.metadataBytes) bytes.")
        }
        let texts = attributes.metadata.flatMap { [$0.key, $0.value] } + [attributes.contentType]
        guard texts.allSatisfy({ !$0.utf8.contains(0) }), attributes.contentType.utf8.count <= 1024 else {
            throw ObjectError(.invalidArgument, "The content type or metadata can't be stored.")
        }
    }
}
