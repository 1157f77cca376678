/// What the document says of operations, in sentences of our own.
enum OpenAPITexts {
    struct Text {
        var tag: String
        var summary: String
        var description: String

        init(_ tag: String, _ summary: String, _ description: String) {
            self.tag = tag
            self.summary = summary
            self.description = description
        }
    }

    static let introduction = """
        Agents with immutable versions, endpoints that say which version an invocation meets, and sessions that stay on theirs. \
        The operations of AWS's two services, `bedrock-agentcore-control` and `bedrock-agentcore`, are answered at one address as \
        AWS's SDKs and CLI send them; Signalbox's own are below `/_signalbox/v1`.

        **Signing.** Every operation is signed with AWS Signature Version 4, service name `bedrock-agentcore` for both planes. \
        Account and region are those of the signature. Another account's resources are a 404, unless their policies share them.

        **Paths.** A slash at the end may be left out or added. ARNs in a path are percent-encoded; where they end the path, \
        their slashes may stand as they are.

        **Bodies.** JSON by RFC 8259, read strictly: no member twice, at most 64 levels, no byte order mark. A member that is `null` \
        counts as absent; members that an operation does not know are ignored, unless it says otherwise.

        **Errors.** `x-amzn-ErrorType` holds the code, the body a `message`; a ValidationException names every broken constraint at \
        once. A path that does not exist is a 404 `UnknownOperationException`, a method that a path does not have a 405 with `Allow`. \
        What is no proper HTTP is refused before it is anything else: 400, 408, 414, 417, 431, 501 or 505, as a ValidationException.

        **Changes** are accepted with 202 once they are durable, and settle by themselves: read the resource until its status is \
        READY or ends in FAILED. The same `clientToken` with the same parameters gives the same answer for 24 hours and changes \
        nothing again.

        **Objects.** Archives are uploaded to an S3-compatible store below `/_s3` (path style, service name `s3`): buckets, objects, \
        listings, multipart uploads. AWS's own description of S3 fits; it is not repeated here.
        """

    static let tags: [JSONValue] = [
        ["name": "Runtimes", "description": "An agent and its versions. Every update makes the next version; none ever changes."],
        [
            "name": "Endpoints",
            "description": "Names that point at a version. `DEFAULT` follows the newest, every other one stays where it was put.",
        ],
        ["name": "Invocation", "description": "Calling an agent, and ending sessions."],
        ["name": "Tags", "description": "Keys and values on runtimes, endpoints and workload identities."],
        ["name": "Policies", "description": "Who may do what with one runtime or endpoint, besides what roles allow."],
        ["name": "Workload identities", "description": "Identities that agents act under; each runtime gets one of its own."],
        ["name": "Access", "description": "Access keys and session credentials."],
        ["name": "Signalbox", "description": "What AWS does not have."],
        ["name": "Server", "description": "For health checks; not signed."],
    ]

    static func operation(_ operation: Operation) -> Text {
        operations[operation.name] ?? Text("Signalbox", operation.name, "")
    }

    static func success(_ operation: Operation) -> String {
        switch operation.successStatus {
        case 202: "Accepted and durable; what follows happens by itself."
        case 204: "Done; there is nothing to say."
        case 201: "Made."
        default: operation.name == "InvokeAgentRuntime" ? "The agent's answer, byte by byte as it comes." : "Done."
        }
    }

    static let operations: [String: Text] = [
        "CreateAgentRuntime": Text(
            "Runtimes", "Create a runtime with its first version and the endpoint DEFAULT.",
            "The version is prepared and probed before the runtime becomes READY. A name is unique in an account and region, and free again once the runtime is deleted. What an object key or an image tag stands for is settled once, so that moving it later changes no version."
        ),
        "GetAgentRuntime": Text(
            "Runtimes", "Read a runtime at its newest version, or at the version given.",
            "The configuration is the one that was sent, defaults filled in. Tags are asked for with ListTagsForResource."),
        "UpdateAgentRuntime": Text(
            "Runtimes", "Make the next version of a runtime.",
            "The request is the whole configuration of the new version: what is left out is unset, not kept. DEFAULT moves to the version once it is READY; other endpoints stay. Tags and name are left alone."
        ),
        "DeleteAgentRuntime": Text(
            "Runtimes", "Delete a runtime with all it has, or one version.",
            "Endpoints, sessions, versions, policies, tags and the workload identity go with it. With `version`, that version alone goes: refused for the newest one and for one that an endpoint uses."
        ),
        "ListAgentRuntimes": Text(
            "Runtimes", "List the runtimes of the account and region.",
            "Newest first, each at its newest version. Pages stay in step while runtimes come and go. `namePrefix`, `status` and `tag:KEY` are Signalbox's own filters; a runtime has to fit all of them."
        ),
        "ListAgentRuntimeVersions": Text("Runtimes", "List the versions of a runtime.", "Newest first."),
        "CreateAgentRuntimeEndpoint": Text(
            "Endpoints", "Create an endpoint.",
            "It points at the version given, or at the newest one, and stays there until it is moved. READY means that invocations meet that version from now on."
        ),
        "GetAgentRuntimeEndpoint": Text(
            "Endpoints", "Read an endpoint.",
            "`liveVersion` is what new sessions begin on, `targetVersion` where the endpoint is going. Once READY is read with a `liveVersion`, no new session begins on another."
        ),
        "UpdateAgentRuntimeEndpoint": Text(
            "Endpoints", "Move an endpoint to another version, or describe it anew.",
            "Sessions that are open stay on their version; new ones begin on the new version once the endpoint is READY. A version that cannot be started leaves the endpoint where it was. DEFAULT follows the newest version and takes no other."
        ),
        "DeleteAgentRuntimeEndpoint": Text(
            "Endpoints", "Delete an endpoint and end its sessions.", "DEFAULT goes with its runtime only."),
        "ListAgentRuntimeEndpoints": Text(
            "Endpoints", "List the endpoints of a runtime.",
            "DEFAULT first, then by name. A runtime that does not exist has none: that is an empty list, not an error. The filters are those of ListAgentRuntimes."
        ),
        "TagResource": Text("Tags", "Add tags to a resource.", "A key that it has gets the new value. A resource has at most 50."),
        "UntagResource": Text("Tags", "Take tags from a resource.", "Keys that it does not have do no harm."),
        "ListTagsForResource": Text("Tags", "Read a resource's tags.", "Of a runtime, an endpoint or a workload identity."),
        "PutResourcePolicy": Text(
            "Policies", "Set the policy of a runtime or endpoint.",
            "It replaces the one that was there. Everything in it is understood or the policy is refused: no condition is ever ignored. A Deny wins over roles and over every Allow; what concerns an endpoint is asked of its runtime's policy, too."
        ),
        "GetResourcePolicy": Text(
            "Policies", "Read the policy of a runtime or endpoint.", "As it was put. A resource without one is a 404."),
        "DeleteResourcePolicy": Text("Policies", "Remove the policy of a runtime or endpoint.", "Removing what is not there is no error."),
        "CreateWorkloadIdentity": Text(
            "Workload identities", "Create a workload identity.", "Its name is unique in the account and region."),
        "GetWorkloadIdentity": Text("Workload identities", "Read a workload identity.", "A runtime's own is named after the runtime's id."),
        "UpdateWorkloadIdentity": Text(
            "Workload identities", "Change the return URLs of a workload identity.",
            "A list replaces the one that was there; left out, nothing changes."),
        "DeleteWorkloadIdentity": Text(
            "Workload identities", "Delete a workload identity.", "A runtime's own goes with the runtime and is refused here."),
        "ListWorkloadIdentities": Text(
            "Workload identities", "List the workload identities of the account and region.", "By name. Paging is in the body."),
        "InvokeAgentRuntime": Text(
            "Invocation", "Call an agent.",
            "The endpoint decides the version when the session begins; the session then stays on it. Calls with one session id meet one sandbox, one after another or at once. The answer streams, so that a caller who reads slowly slows the agent down. A call is never repeated by the server: if the agent fails before its answer began, that is a 424, and afterwards the connection is cut."
        ),
        "StopRuntimeSession": Text(
            "Invocation", "End a session.", "Its sandbox is gone soon after. The same id may begin a new session, on what is live then."),
        "RollbackAgentRuntimeEndpoint": Text(
            "Signalbox", "Move an endpoint back to the version that was READY before.",
            "By the endpoint's history, further back each time and never in a circle. DEFAULT gets a new version with the old one's configuration, since it follows the newest. Members that are not listed are refused."
        ),
        "GetVersionPreparation": Text(
            "Signalbox", "Tell how far the preparation of a version is.",
            "Of the newest version, or of the one given; and what an image's reference was found to stand for."),
        "ListInterpreters": Text(
            "Signalbox", "List the interpreters that archives can run on here.", "By the names that `codeConfiguration.runtime` takes."),
        "GetOpenAPIDocument": Text("Signalbox", "Read this document.", "The same that `signalbox openapi` prints."),
        "GetReference": Text(
            "Signalbox", "Read this document as a page.",
            "The page needs nothing besides itself: `signalbox openapi --html FILE` writes the same to a file."),
        "GetMetrics": Text(
            "Signalbox", "Read the metrics of this replica.",
            "In Prometheus' text format. Sums over all accounts; no resource, key or account is named. `--metrics-listen` serves the same on a port of its own, without signatures."
        ),
        "GetStatus": Text(
            "Signalbox", "Tell how replicas and reconcilers do.",
            "Counts are those of the whole installation; single pieces of work are those of the caller's account. Without the database, it says that alone."
        ),
        "ListAuditEvents": Text(
            "Signalbox", "List who changed what, when and from where.",
            "Newest first, of the caller's account and region: changes, refusals of changes, and what the reconcilers brought to its end. For administrators."
        ),
        "GetSessionHistory": Text(
            "Signalbox", "Tell which versions served a session, and when.",
            "A session id may have had several sandboxes, one after another. For administrators."),
        "ListAccessKeys": Text(
            "Access", "List the access keys of the account.", "Oldest first, without secrets. For administrators, as are all of these."),
        "CreateAccessKey": Text(
            "Access", "Make an access key for the account.",
            "The secret is shown this once. Session credentials make no keys: what ends by itself must not leave behind what does not."),
        "DisableAccessKey": Text(
            "Access", "Disable an access key.",
            "At once, on every replica, with the session credentials made with it. Not the one that signs."),
        "EnableAccessKey": Text("Access", "Make an access key good again.", "One that was to end when it was rotated, too."),
        "RotateAccessKey": Text(
            "Access", "Make a key in another's place.",
            "It has the same role. The old one stays good for `graceSeconds`, so that its users can change over."),
        "DeleteAccessKey": Text("Access", "Delete an access key.", "Not the one that signs."),
        "CreateSessionToken": Text(
            "Access", "Make credentials that end by themselves.",
            "With the caller's role or a lesser one. They are good until they end, or the key that made them does; send the token as `x-amz-security-token`, as every SDK does. The answer is what `credential_process` expects."
        ),
    ]
}
