import Platform

/// What a client asks. Members that a verb does not use are absent.
struct SupervisorRequest: Codable, Sendable {
    enum Verb: String, Codable, Sendable {
        case start, stop, pause, resume, list, status, openSocket, logTail, interpreters, image, forget, shutdown
    }

    /// Chosen by the client, returned with the reply. Replies come in any order.
    var number: UInt64
    var verb: Verb
    var id: String?
    var specification: SandboxSpecification?
    var graceMilliseconds: Int64?
    var port: Int?
    var bytes: Int?
    /// An image's name to resolve.
    var reference: String?
    /// An image to have at hand.
    var image: SandboxImage?
}

/// What a supervisor says: the reply to `number`, or an event when that is absent.
struct SupervisorReply: Codable, Sendable {
    struct Failure: Codable, Sendable {
        var kind: String
        var message: String
        var context: String?
    }

    struct Exited: Codable, Sendable {
        var id: String
        var exit: SandboxExit
    }

    var number: UInt64?
    /// How far the request is; its reply follows.
    var progress: String?
    var failure: Failure?
    var status: SandboxStatus?
    var list: [SandboxStatus]?
    var text: String?
    var interpreters: [String: String]?
    var image: ResolvedImage?
    /// A descriptor came with this frame (SCM_RIGHTS).
    var hasDescriptor: Bool?
    var exited: Exited?
}

extension SupervisorReply.Failure {
    init(_ error: any Error) {
        guard let error = error as? SignalboxError else {
            self.init(kind: "internal", message: "\(error)")
            return
        }
        let kind =
            switch error.kind {
            case .validation: "validation"
            case .notFound: "notFound"
            case .conflict: "conflict"
            case .agentFailed: "agentFailed"
            case .unavailable: "unavailable"
            default: "internal"
            }
        self.init(kind: kind, message: error.message, context: error.context)
    }

    var error: SignalboxError {
        switch kind {
        case "validation": SignalboxError(.validation(.fieldValidationFailed, []), message, context: context)
        case "notFound": SignalboxError(.notFound, message, context: context)
        case "conflict": SignalboxError(.conflict, message, context: context)
        case "agentFailed": SignalboxError(.agentFailed, message, context: context)
        case "unavailable": SignalboxError(.unavailable(retryAfterSeconds: 1), message, context: context)
        default: .internal("supervisor: \(context ?? message)")
        }
    }
}
