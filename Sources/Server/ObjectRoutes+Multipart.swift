import Artifacts
import Hummingbird
import Platform

extension ObjectRoutes {
    func createUpload(_ call: ObjectCall, _ bucket: String, _ key: String) async throws -> Response {
        let upload = try await objects.multipartCreate(
            call.context, bucket: bucket, key: key, attributes: call.headers.attributes)
        return call.xml("InitiateMultipartUploadResult") { xml in
            xml.element("Bucket", bucket)
            xml.element("Key", key)
            xml.element("UploadId", upload)
        }
    }

    func uploadPart(_ call: ObjectCall, _ bucket: String, _ key: String, _ upload: String) async throws -> Response {
        guard let number = try call.target.number("partNumber") else {
            throw ObjectError(.invalidArgument, "An upload id needs a part number.")
        }
        let announced = try call.headers.announced(requiresLength: true)
        let part = try await objects.multipartUploadPart(
            call.context, bucket: bucket, key: key, uploadID: upload, number: number, announced: announced,
            body: call.authenticated.body)
        return call.empty(.ok, [("etag", "\"\(part.etag)\"")] + checksums(call, announced))
    }

    func completeUpload(_ call: ObjectCall, _ bucket: String, _ key: String, _ upload: String) async throws -> Response {
        guard let document = try await call.document(), document.name == "CompleteMultipartUpload" else {
            throw ObjectError(.malformedXML, "The XML you provided is not a list of parts.")
        }
        var parts: [(number: Int, etag: String)] = []
        for part in document.all("Part") {
            guard let number = part.child("PartNumber").flatMap({ Int($0.text) }), let etag = part.child("ETag")?.text else {
                throw ObjectError(.malformedXML, "Every part needs a PartNumber and an ETag.")
            }
            parts.append((number, ObjectHeaders.unquoted(etag)))
        }
        let record = try await objects.multipartComplete(
            call.context, bucket: bucket, key: key, uploadID: upload, parts: parts, condition: call.headers.condition)
        var response = call.xml("CompleteMultipartUploadResult") { xml in
            xml.element("Location", "\(ObjectTarget.prefix)/\(bucket)/\(ObjectTarget.encoded(key))")
            xml.element("Bucket", bucket)
            xml.element("Key", key)
            xml.element("ETag", "\"\(record.etag)\"")
        }
        response.headers.set("x-amz-version-id", record.versionID)
        return response
    }

    func listParts(_ call: ObjectCall, _ bucket: String, _ key: String, _ upload: String) async throws -> Response {
        let after = try call.target.number("part-number-marker") ?? 0
        let maximum = min(try call.target.number("max-parts") ?? 1000, 1000)
        let (parts, isTruncated) = try await objects.multipartListParts(
            call.context, bucket: bucket, key: key, uploadID: upload, after: after, maximum: maximum)
        return call.xml("ListPartsResult") { xml in
            xml.element("Bucket", bucket)
            xml.element("Key", key)
            xml.element("UploadId", upload)
            xml.element("PartNumberMarker", after)
            if let last = parts.last { xml.element("NextPartNumberMarker", last.number) }
            xml.element("MaxParts", maximum)
            xml.element("IsTruncated", isTruncated)
            for part in parts {
                xml.element("Part") { xml in
                    xml.element("PartNumber", part.number)
                    xml.element("LastModified", ObjectDate.iso(part.lastModified))
                    xml.element("ETag", "\"\(part.etag)\"")
                    xml.element("Size", part.size)
                }
            }
        }
    }

    func listUploads(_ call: ObjectCall, _ bucket: String) async throws -> Response {
        let prefix = call.target["prefix"] ?? ""
        let uploads = try await objects.multipartList(call.context, bucket: bucket, prefix: prefix)
        let shown = { (text: String) in call.target["encoding-type"] == "url" ? ObjectTarget.encoded(text) : text }
        return call.xml("ListMultipartUploadsResult") { xml in
            xml.element("Bucket", bucket)
            xml.element("Prefix", shown(prefix))
            xml.element("MaxUploads", 1000)
            xml.element("IsTruncated", false)
            for upload in uploads {
                xml.element("Upload") { xml in
                    xml.element("Key", shown(upload.key))
                    xml.element("UploadId", upload.id)
                    xml.element("Initiated", ObjectDate.iso(upload.initiated))
                    xml.element("StorageClass", "STANDARD")
                }
            }
        }
    }
}
