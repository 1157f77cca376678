import Artifacts
import Hummingbird
import Platform

extension ObjectRoutes {
    func putObject(_ call: ObjectCall, _ bucket: String, _ key: String) async throws -> Response {
        let announced = try call.headers.announced(requiresLength: true)
        let record = try await objects.objectPut(
            call.context, bucket: bucket, key: key, attributes: call.headers.attributes, condition: call.headers.condition,
            announced: announced, body: call.authenticated.body)
        return call.empty(
            .ok,
            [("etag", "\"\(record.etag)\""), ("x-amz-version-id", record.versionID)] + checksums(call, announced))
    }

    /// The checksums that were verified, given back as S3 does.
    func checksums(_ call: ObjectCall, _ announced: ObjectDigests) -> [(String, String)] {
        announced.checksums.keys.compactMap { algorithm in
            call.headers.value(algorithm.headerName).map { (algorithm.headerName, $0) }
        } + call.authenticated.trailingChecksums().map { ($0.key, $0.value) }
    }

    /// GetObject and HeadObject.
    func getObject(_ call: ObjectCall, _ bucket: String, _ key: String) async throws -> Response {
        guard !call.target.has("partNumber") else {
            throw ObjectError(.notImplemented, "Reading single parts of an object is not implemented.")
        }
        let content = try await objects.objectGet(
            call.context, bucket: bucket, key: key, versionID: call.target["versionId"], range: call.headers.range,
            condition: call.headers.condition)
        let record = content.record
        let length = content.range.upperBound - content.range.lowerBound
        var fields = [
            ("accept-ranges", "bytes"), ("content-length", String(length)),
            ("content-type", call.target["response-content-type"] ?? record.contentType), ("etag", "\"\(record.etag)\""),
            ("last-modified", ObjectDate.http(record.lastModified)), ("x-amz-version-id", record.versionID),
        ]
        fields += record.metadata.map { ("x-amz-meta-\($0.key)", $0.value) }
        let isPartial = call.headers.range != nil
        if isPartial {
            fields.append(("content-range", "bytes \(content.range.lowerBound)-\(content.range.upperBound - 1)/\(record.size)"))
        }
        var response = call.empty(isPartial ? .partialContent : .ok, fields)
        if call.isHead {
            return response
        }
        response.body = ResponseBody(contentLength: Int(length)) { writer in
            for try await piece in content.bytes { try await writer.write(ByteBuffer(bytes: piece)) }
            try await writer.finish(nil)
        }
        return response
    }
}
