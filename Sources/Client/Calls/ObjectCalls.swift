import AgentCoreModel
import NIOHTTP1

/// Calls on the S3-compatible objects.
extension SignalboxClient {
    /// Archives above this go in parts of this size: 8 MiB.
    public static let partSize = 8 << 20

    /// Makes the bucket unless it is there.
    public func bucketEnsure(_ bucket: String) async throws {
        if try await exists("/\(bucket)") { return }
        do {
            _ = try await send(object("PUT", "/\(bucket)"))
        } catch let error as ClientError where error.status == 409 {
            // Somebody else made it in between. If it's another account's, the next call says so.
        }
    }

    public func objectExists(_ bucket: String, _ key: String) async throws -> Bool {
        try await exists(path(bucket, key))
    }

    /// Uploads an object, in parts when it is large.
    ///
    /// - Parameters:
    ///   - read: gives at most that many bytes, fewer only at the end.
    ///   - onProgress: called with the bytes that the server has.
    public func objectPut(
        _ bucket: String, _ key: String, size: Int64, contentType: String = "application/zip",
        read: (Int) throws -> [UInt8], onProgress: (Int64) -> Void = { _ in }
    ) async throws {
        let headers = [("content-type", contentType)]
        guard size > Self.partSize else {
            let bytes = try read(Int(size))
            _ = try await send(object("PUT", path(bucket, key), headers: headers, body: bytes), timeout: .seconds(300))
            return onProgress(size)
        }
        let (_, answer) = try await send(object("POST", path(bucket, key), query: [("uploads", "")], headers: headers))
        guard let upload = XML.text(of: "UploadId", in: String(decoding: answer, as: UTF8.self)) else {
            throw ClientError.unexpected("the server began no multipart upload")
        }
        do {
            var parts: [String] = []
            var sent: Int64 = 0
            while sent < size {
                let bytes = try read(Self.partSize)
                guard !bytes.isEmpty else { throw ClientError.failed("the archive became shorter while it was uploaded") }
                let query = [("partNumber", "\(parts.count + 1)"), ("uploadId", upload)]
                let (head, _) = try await send(
                    object("PUT", path(bucket, key), query: query, body: bytes), timeout: .seconds(300))
                guard let tag = head.first(name: "etag") else { throw ClientError.unexpected("the server gave a part no ETag") }
                parts.append("<Part><PartNumber>\(parts.count + 1)</PartNumber><ETag>\(XML.escape(tag))</ETag></Part>")
                sent += Int64(bytes.count)
                onProgress(sent)
            }
            let body = "<CompleteMultipartUpload>\(parts.joined())</CompleteMultipartUpload>"
            let (_, done) = try await send(
                object("POST", path(bucket, key), query: [("uploadId", upload)], body: Array(body.utf8)), timeout: .seconds(300))
            // S3 may say 200 first and fail afterwards, in the body.
            let text = String(decoding: done, as: UTF8.self)
            if text.contains("<Error>") {
                throw ClientError.failed("the upload was not completed: \(XML.text(of: "Message", in: text) ?? "no explanation")")
            }
        } catch {
            // What was sent is of no use; the error to tell is the first one.
            _ = try? await send(object("DELETE", path(bucket, key), query: [("uploadId", upload)]))
            throw error
        }
    }

    private func exists(_ path: String) async throws -> Bool {
        do {
            _ = try await send(object("HEAD", path))
            return true
        } catch let error as ClientError where error.status == 404 {
            return false
        }
    }

    private func path(_ bucket: String, _ key: String) -> String {
        "/\(bucket)/"
            + key.split(separator: "/", omittingEmptySubsequences: false)
            .map { PercentEncoding.encode(String($0)) }.joined(separator: "/")
    }

    private func object(
        _ method: String, _ path: String, query: [(String, String)] = [], headers: [(String, String)] = [], body: [UInt8] = []
    ) -> SignedCall {
        SignedCall(
            method: method, base: connection.objects, path: path, query: query, headers: headers, body: body, service: .objects)
    }
}
