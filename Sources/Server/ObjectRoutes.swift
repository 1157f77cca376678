public import Artifacts
import HTTPTypes
public import Hummingbird
public import Platform

/// A request of the object API whose sender is known.
public struct AuthenticatedObjectRequest: Sendable {
    public var context: OperationContext
    /// Plain bytes: an aws-chunked body is decoded already.
    public var body: ObjectBody
    /// Checksums that came behind the body and were found right, by header name; asked for once the
    /// body has been read.
    public var trailingChecksums: @Sendable () -> [String: String]

    public init(
        context: OperationContext, body: ObjectBody, trailingChecksums: @escaping @Sendable () -> [String: String] = { [:] }
    ) {
        self.context = context
        self.body = body
        self.trailingChecksums = trailingChecksums
    }
}

/// Verifies a request's signature. Throws `SignalboxError` or `ObjectError`.
public typealias ObjectAuthenticator = @Sendable (Request, FrontEndContext) async throws -> AuthenticatedObjectRequest

/// Adds the S3-compatible routes, path style under `/_s3` (docs/architecture.md, decision 7).
///
/// - Parameter authenticate: Such as `ObjectAuthentication.authenticate`.
public func addObjectRoutes(
    to router: Router<FrontEndContext>, objects: ObjectStore, authenticate: @escaping ObjectAuthenticator
) {
    router.add(middleware: ObjectRoutes(objects: objects, authenticate: authenticate))
}

/// One request, its sender and what it names.
struct ObjectCall: Sendable {
    var request: Request
    var authenticated: AuthenticatedObjectRequest
    var target: ObjectTarget

    var context: OperationContext { authenticated.context }
    var headers: ObjectHeaders { ObjectHeaders(fields: request.headers) }
    var isHead: Bool { request.method == .head }

    /// The body as a small XML document, nil when it is empty.
    func document(limit: Int = 4 << 20) async throws -> ObjectXMLElement? {
        let bytes = try await authenticated.body.collected(
            limit: limit, announced: try headers.announced(requiresLength: false))
        return bytes.isEmpty ? nil : try ObjectXMLReader.document(bytes)
    }

    /// S3's name for it; `ObjectRequest` for what there is not.
    var operation: String {
        guard target.bucket != nil else { return "ListBuckets" }
        guard target.key != nil else {
            switch request.method {
            case .put: return "CreateBucket"
            case .head: return "HeadBucket"
            case .delete: return "DeleteBucket"
            case .post: return "DeleteObjects"
            case .get where target.has("location"): return "GetBucketLocation"
            case .get where target.has("uploads"): return "ListMultipartUploads"
            case .get: return "ListObjects"
            default: return "ObjectRequest"
            }
        }
        let isUpload = target["uploadId"] != nil
        switch request.method {
        case .put: return isUpload ? "UploadPart" : "PutObject"
        case .get: return isUpload ? "ListParts" : "GetObject"
        case .head: return "HeadObject"
        case .post: return isUpload ? "CompleteMultipartUpload" : "CreateMultipartUpload"
        case .delete: return isUpload ? "AbortMultipartUpload" : "DeleteObject"
        default: return "ObjectRequest"
        }
    }

    /// An answer without content.
    func empty(_ status: HTTPResponse.Status = .ok, _ fields: [(String, String)] = []) -> Response {
        var headers = HTTPFields()
        headers.set("x-amz-request-id", context.requestID)
        for (name, value) in fields { headers.set(name, value) }
        return Response(status: status, headers: headers)
    }

    func xml(_ root: StaticString, _ content: (inout ObjectXMLWriter) -> Void) -> Response {
        var response = empty(.ok, [("content-type", "application/xml")])
        response.body = ResponseBody(byteBuffer: ByteBuffer(string: ObjectXMLWriter.document(root, content)))
        return response
    }
}

/// Decodes a request, calls the object storage once, encodes the answer.
///
/// A middleware, because keys hold what a router's patterns normalise away.
struct ObjectRoutes: RouterMiddleware {
    let objects: ObjectStore
    let authenticate: ObjectAuthenticator

    func handle(
        _ request: Request, context: FrontEndContext, next: (Request, FrontEndContext) async throws -> Response
    ) async throws -> Response {
        guard context.front.isBelow(ObjectTarget.prefix) else { return try await next(request, context) }
        return await respond(to: request, context)
    }

    private func respond(to request: Request, _ context: FrontEndContext) async -> Response {
        do {
            let authenticated = try await authenticate(request, context)
            context.front.observation.authenticated(authenticated.context)
            let target = try ObjectTarget(context.front.head.uri)
            try target.checkSupported()
            let call = ObjectCall(request: request, authenticated: authenticated, target: target)
            context.front.observation.found(RequestOperation(call.operation))
            return try await respond(call)
        } catch {
            if !(error is ObjectError), !(error is SignalboxError), !(error is CancellationError) {
                // Most often the caller's own connection, broken while its body came.
                context.front.logger.info("object request failed", metadata: ["error": "\(error)"])
            }
            let answer = ObjectErrorResponse(error)
            if answer.status.code >= 500 {
                context.front.observation.log(failure: error, isDefect: answer.status.code == 500, context.front.logger)
            }
            return answer.response(
                requestID: context.front.requestID, resource: request.uri.path, isHead: request.method == .head)
        }
    }

    private func respond(_ call: ObjectCall) async throws -> Response {
        switch (call.target.bucket, call.target.key) {
        case (nil, _):
            guard call.request.method == .get else { throw Self.methodNotAllowed }
            return try await listBuckets(call)
        case (let bucket?, nil): return try await respond(call, bucket: bucket)
        case (let bucket?, let key?): return try await respond(call, bucket: bucket, key: key)
        }
    }

    private func respond(_ call: ObjectCall, bucket: String) async throws -> Response {
        switch call.request.method {
        case .put: return try await createBucket(call, bucket)
        case .head: return try await headBucket(call, bucket)
        case .delete:
            try await objects.bucketDelete(call.context, name: bucket)
            return call.empty(.noContent)
        case .post where call.target.has("delete"): return try await deleteObjects(call, bucket)
        case .get where call.target.has("location"): return try await bucketLocation(call, bucket)
        case .get where call.target.has("uploads"): return try await listUploads(call, bucket)
        case .get: return try await listObjects(call, bucket)
        default: throw Self.methodNotAllowed
        }
    }

    private func respond(_ call: ObjectCall, bucket: String, key: String) async throws -> Response {
        if call.headers.value("x-amz-copy-source") != nil {
            throw ObjectError(.notImplemented, "Copying on the server is not implemented: download and upload instead.")
        }
        let upload = call.target["uploadId"]
        switch (call.request.method, upload) {
        case (.put, nil): return try await putObject(call, bucket, key)
        case (.put, let upload?): return try await uploadPart(call, bucket, key, upload)
        case (.get, let upload?): return try await listParts(call, bucket, key, upload)
        case (.get, nil), (.head, _): return try await getObject(call, bucket, key)
        case (.post, nil) where call.target.has("uploads"): return try await createUpload(call, bucket, key)
        case (.post, let upload?): return try await completeUpload(call, bucket, key, upload)
        case (.delete, let upload?):
            try await objects.multipartAbort(call.context, bucket: bucket, key: key, uploadID: upload)
            return call.empty(.noContent)
        case (.delete, nil):
            try await objects.objectDelete(call.context, bucket: bucket, key: key, versionID: call.target["versionId"])
            return call.empty(.noContent)
        default: throw Self.methodNotAllowed
        }
    }

    private static let methodNotAllowed = ObjectError(
        .methodNotAllowed, "The specified method is not allowed against this resource.")
}
