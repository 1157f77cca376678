public import Access
import AgentCoreModel
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
/// - Parameters:
///   - throttle: Counts requests; nil: nobody does.
///   - audit: Told of changes that are refused; those that are made are the object storage's to record.
///   - authenticate: Such as `ObjectAuthentication.authenticate`.
public func addObjectRoutes(
    to router: Router<FrontEndContext>, objects: ObjectStore, throttle: Throttle? = nil, audit: AuditWriter? = nil,
    authenticate: @escaping ObjectAuthenticator
) {
    router.add(middleware: ObjectRoutes(objects: objects, throttle: throttle, audit: audit, authenticate: authenticate))
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

    /// nil: there is none with that method.
    var operation: ObjectOperation? {
        guard target.bucket != nil else { return request.method == .get ? .listBuckets : nil }
        return target.key == nil ? bucketOperation : objectOperation
    }

    private var bucketOperation: ObjectOperation? {
        switch request.method {
        case .put: .createBucket
        case .head: .headBucket
        case .delete: .deleteBucket
        case .post where target.has("delete"): .deleteObjects
        case .get where target.has("location"): .getBucketLocation
        case .get where target.has("uploads"): .listMultipartUploads
        case .get: .listObjects
        default: nil
        }
    }

    private var objectOperation: ObjectOperation? {
        let isUpload = target["uploadId"] != nil
        return switch request.method {
        case .put: isUpload ? .uploadPart : .putObject
        case .get: isUpload ? .listParts : .getObject
        case .head: .headObject
        case .post where isUpload: .completeMultipartUpload
        case .post where target.has("uploads"): .createMultipartUpload
        case .delete: isUpload ? .abortMultipartUpload : .deleteObject
        default: nil
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
    let throttle: Throttle?
    let audit: AuditWriter?
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
            guard let operation = call.operation else {
                context.front.observation.found(.unknownObject)
                throw Self.methodNotAllowed
            }
            context.front.observation.found(RequestOperation(operation.name))
            return try await respond(call, operation)
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

    private func respond(_ call: ObjectCall, _ operation: ObjectOperation) async throws -> Response {
        // Before anything of the body is read.
        try throttle?.take(account: call.context.account, operation: operation.name)
        do {
            return try await answer(call, operation)
        } catch let error as ObjectError where error.code == .accessDenied && operation.changes {
            audit?.refused(
                call.context, operation, ObjectARN(unchecked: call.target.bucket ?? "", key: call.target.key), error)
            throw error
        }
    }

    private func answer(_ call: ObjectCall, _ operation: ObjectOperation) async throws -> Response {
        let (bucket, key, upload) = (call.target.bucket ?? "", call.target.key ?? "", call.target["uploadId"] ?? "")
        if call.target.key != nil, call.headers.value("x-amz-copy-source") != nil {
            throw ObjectError(.notImplemented, "Copying on the server is not implemented: download and upload instead.")
        }
        switch operation {
        case .listBuckets: return try await listBuckets(call)
        case .createBucket: return try await createBucket(call, bucket)
        case .headBucket: return try await headBucket(call, bucket)
        case .deleteBucket:
            try await objects.bucketDelete(call.context, name: bucket)
            return call.empty(.noContent)
        case .getBucketLocation: return try await bucketLocation(call, bucket)
        case .listObjects: return try await listObjects(call, bucket)
        case .deleteObjects: return try await deleteObjects(call, bucket)
        case .putObject: return try await putObject(call, bucket, key)
        case .getObject, .headObject: return try await getObject(call, bucket, key)
        case .deleteObject:
            try await objects.objectDelete(call.context, bucket: bucket, key: key, versionID: call.target["versionId"])
            return call.empty(.noContent)
        case .createMultipartUpload: return try await createUpload(call, bucket, key)
        case .uploadPart: return try await uploadPart(call, bucket, key, upload)
        case .completeMultipartUpload: return try await completeUpload(call, bucket, key, upload)
        case .abortMultipartUpload:
            try await objects.multipartAbort(call.context, bucket: bucket, key: key, uploadID: upload)
            return call.empty(.noContent)
        case .listMultipartUploads: return try await listUploads(call, bucket)
        case .listParts: return try await listParts(call, bucket, key, upload)
        }
    }

    private static let methodNotAllowed = ObjectError(
        .methodNotAllowed, "The specified method is not allowed against this resource.")
}
