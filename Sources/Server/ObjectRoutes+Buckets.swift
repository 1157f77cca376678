import Artifacts
import Hummingbird
import Platform

extension ObjectRoutes {
    func listBuckets(_ call: ObjectCall) async throws -> Response {
        let buckets = try await objects.bucketList(call.context)
        return call.xml("ListAllMyBucketsResult") { xml in
            xml.element("Owner") { $0.element("ID", call.context.account) }
            xml.element("Buckets") { xml in
                for bucket in buckets {
                    xml.element("Bucket") { xml in
                        xml.element("Name", bucket.name)
                        xml.element("CreationDate", ObjectDate.iso(bucket.createdAt))
                        xml.element("BucketRegion", bucket.region)
                    }
                }
            }
        }
    }

    func createBucket(_ call: ObjectCall, _ bucket: String) async throws -> Response {
        let document = try await call.document(limit: 64 << 10)
        let constraint = document?.child("LocationConstraint")?.text
        // `EU` is S3's old name for it.
        let region = constraint == "EU" ? "eu-west-1" : constraint
        if let region, region.wholeMatch(of: /[a-z0-9-]{1,32}/) == nil {
            throw ObjectError(.invalidArgument, "The specified location-constraint is not valid")
        }
        try await objects.bucketCreate(call.context, name: bucket, region: region)
        return call.empty(.ok, [("location", "/\(bucket)")])
    }

    func headBucket(_ call: ObjectCall, _ bucket: String) async throws -> Response {
        let record = try await objects.bucketHead(call.context, name: bucket)
        return call.empty(.ok, [("x-amz-bucket-region", record.region)])
    }

    /// Empty for us-east-1, as S3 has it.
    func bucketLocation(_ call: ObjectCall, _ bucket: String) async throws -> Response {
        let record = try await objects.bucketHead(call.context, name: bucket)
        var response = call.empty(.ok, [("content-type", "application/xml")])
        let region = record.region == "us-east-1" ? "" : ObjectXMLWriter.escaped(record.region)
        response.body = ResponseBody(
            byteBuffer: ByteBuffer(
                string: """
                    <?xml version="1.0" encoding="UTF-8"?>
                    <LocationConstraint xmlns="\(ObjectXMLWriter.namespace)">\(region)</LocationConstraint>
                    """))
        return response
    }

    /// ListObjectsV2 (`list-type=2`) and ListObjects, which differ in how a page refers to the next.
    func listObjects(_ call: ObjectCall, _ bucket: String) async throws -> Response {
        let target = call.target
        let isSecond = target["list-type"] == "2"
        let encoding = target["encoding-type"]
        guard encoding == nil || encoding == "url" else {
            throw ObjectError(.invalidArgument, "Invalid Encoding Method specified in Request")
        }
        let shown = { (text: String) in encoding == "url" ? ObjectTarget.encoded(text) : text }
        var request = ObjectListRequest()
        request.prefix = target["prefix"] ?? ""
        request.delimiter = target["delimiter"] ?? ""
        request.maximum = min(try target.number("max-keys") ?? 1000, 1000)
        request.startAfter = target[isSecond ? "start-after" : "marker"] ?? ""
        request.continuationToken = isSecond ? target["continuation-token"] : nil
        let page = try await objects.objectList(call.context, bucket: bucket, request)
        return call.xml("ListBucketResult") { xml in
            xml.element("Name", bucket)
            xml.element("Prefix", shown(request.prefix))
            if !request.delimiter.isEmpty { xml.element("Delimiter", shown(request.delimiter)) }
            xml.element("MaxKeys", request.maximum)
            if let encoding { xml.element("EncodingType", encoding) }
            xml.element("IsTruncated", page.nextToken != nil)
            if isSecond {
                xml.element("KeyCount", page.count)
                if !request.startAfter.isEmpty { xml.element("StartAfter", shown(request.startAfter)) }
                if let token = request.continuationToken { xml.element("ContinuationToken", token) }
                if let token = page.nextToken { xml.element("NextContinuationToken", token) }
            } else {
                xml.element("Marker", shown(request.startAfter))
                if let marker = page.nextMarker { xml.element("NextMarker", shown(marker)) }
            }
            for object in page.objects {
                xml.element("Contents") { xml in
                    xml.element("Key", shown(object.key))
                    xml.element("LastModified", ObjectDate.iso(object.lastModified))
                    xml.element("ETag", "\"\(object.etag)\"")
                    xml.element("Size", object.size)
                    xml.element("StorageClass", "STANDARD")
                }
            }
            for prefix in page.commonPrefixes {
                xml.element("CommonPrefixes") { $0.element("Prefix", shown(prefix)) }
            }
        }
    }

    /// DeleteObjects: each key on its own; the answer says what happened to which.
    func deleteObjects(_ call: ObjectCall, _ bucket: String) async throws -> Response {
        guard let document = try await call.document(), document.name == "Delete" else {
            throw ObjectError(.malformedXML, "The XML you provided is not a list of objects to delete.")
        }
        let wanted = document.all("Object")
        guard (1...1000).contains(wanted.count) else {
            throw ObjectError(.malformedXML, "The XML you provided must name 1 to 1000 objects.")
        }
        let isQuiet = document.child("Quiet")?.text == "true"
        var outcomes: [(key: String, error: ObjectErrorResponse?)] = []
        for object in wanted {
            let key = object.child("Key")?.text ?? ""
            do {
                try await objects.objectDelete(
                    call.context, bucket: bucket, key: key, versionID: object.child("VersionId")?.text, by: .deleteObjects)
                outcomes.append((key, nil))
            } catch let error as ObjectError where error.code == .noSuchBucket || error.code == .accessDenied {
                throw error
            } catch {
                outcomes.append((key, ObjectErrorResponse(error)))
            }
        }
        return call.xml("DeleteResult") { xml in
            for (key, error) in outcomes {
                if let error {
                    xml.element("Error") { xml in
                        xml.element("Key", key)
                        xml.element("Code", error.code)
                        xml.element("Message", error.message)
                    }
                } else if !isQuiet {
                    xml.element("Deleted") { $0.element("Key", key) }
                }
            }
        }
    }
}
