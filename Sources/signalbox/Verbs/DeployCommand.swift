import AgentCoreModel
import ArgumentParser
import Client
import DockerClient

struct DeployCommand: ClientCommand {
    static let configuration = CommandConfiguration(
        commandName: "deploy", abstract: "Make a folder with an agent a new version of a runtime.",
        discussion: """
            Packs the folder, with requirements.txt installed for the agent's interpreter, uploads it, creates the
            runtime or updates it, and returns once it is READY. What .signalboxignore lists stays out, as do .git,
            __pycache__, .venv and *.pyc. A folder that did not change makes no new version.

            A folder with a Dockerfile or Containerfile is built to an image instead, by Docker or Podman, without what
            .dockerignore lists, and the image is deployed by its digest. It is known to that engine alone, which has to
            be the server's; with --push it goes to a registry, for servers on other hosts.

            An update keeps what is not given here: interpreter, entry point, variables, description, role and all
            that was configured by other means.

            EXAMPLES
              signalbox deploy examples/hello --name hello
              signalbox deploy . --name hello --env GREETING=Hi --endpoint prod
              signalbox deploy examples/container --name container
              signalbox deploy . --name hello --build-arg A=b --push registry.example.com/hello
              signalbox deploy --image registry.example.com/hello:2 --name hello
            """)

    @Argument(help: "Folder of the agent; none with --image.", completion: .directory) var folder: String?
    @Option(help: ArgumentHelp("Name of the runtime: letters, digits and _.", valueName: "name")) var name: String
    @Option(
        help: ArgumentHelp(
            "Interpreter, such as PYTHON_3_11; the newest one of the server if not given.",
            valueName: "runtime"))
    var runtime: String?
    @Option(
        help: ArgumentHelp(
            "File that is run; main.py if not given. Twice for a program and its file.",
            valueName: "file"))
    var entryPoint: [String] = []
    @Option(
        name: .customLong("env"),
        help: ArgumentHelp(
            "Environment variable to add or change; repeatable.",
            valueName: "key=value"))
    var environment: [String] = []
    @Option(
        name: .customLong("unset-env"),
        help: ArgumentHelp(
            "Environment variable to take away; repeatable.",
            valueName: "key"))
    var removedEnvironment: [String] = []
    @Option(help: ArgumentHelp("Endpoint to create or to switch to the version, once that is READY.", valueName: "endpoint"))
    var endpoint: String?
    @Option(help: ArgumentHelp("What this version is.", valueName: "text")) var description: String?
    @Option(help: ArgumentHelp("Role to note on the version.", valueName: "arn")) var roleARN: String?
    @Flag(help: "Make a new version even if nothing changed.") var force = false
    @OptionGroup(title: "Container images") var image: ImageOptions
    @OptionGroup(title: "Container images") var engine: EngineOptions
    @OptionGroup var common: CommonOptions
    @OptionGroup var printing: OutputOptions

    func validate() throws {
        for entry in environment where !entry.dropFirst().contains("=") {
            throw ValidationError("--env \(entry): expected KEY=VALUE")
        }
        if entryPoint.count > 2 { throw ValidationError("--entry-point can be given once or twice") }
        guard (folder == nil) != (image.image == nil) else { throw ValidationError("give either a folder or --image") }
    }

    func run(_ client: SignalboxClient, _ output: Output) async throws {
        let progress = Progress()
        let source = try source()
        var current = try await present(client)
        guard let account = client.connection.account else {
            throw CommandError("which account the access key belongs to is unknown; set AWS_ACCOUNT_ID")
        }
        let plan =
            switch source {
            case .archive(let folder): try await archivePlan(folder, present: current, client, account, progress)
            case .build(let context): plan(.image(try await build(context, progress)), account: account)
            case .image(let reference): plan(.image(reference), account: account)
            }

        let isUnchanged = !isChange(plan, of: current)
        if !isUnchanged { current = try await change(plan, present: current, client, progress) }
        guard let current else { throw CommandError("\(name): the server's answer lacks the runtime") }
        let version = try current.required("agentRuntimeVersion")
        if let endpoint {
            try await point(endpoint, of: try current.required("agentRuntimeId"), to: version, client, progress)
        }
        let remark = isUnchanged && isMovable(source) ? " (--force deploys what the tag stands for now)" : ""
        output.emit(current, sentence: "\(name): \(isUnchanged ? "unchanged, " : "")version \(version) READY\(remark)")
    }

    // MARK: Steps

    /// The runtime as it is once it has settled; nil when there is none.
    private func present(_ client: SignalboxClient) async throws -> JSONValue? {
        guard let handle = try await client.runtimeFind(name: name) else { return nil }
        do {
            return try await client.runtimeWait(handle.id)
        } catch ClientError.failed {
            // A failed one may be updated; any other state is the server's to refuse.
            return try await client.runtimeFetch(handle.id)
        }
    }

    func plan(_ artifact: DeploymentPlan.Artifact, account: String) -> DeploymentPlan {
        DeploymentPlan(
            artifact: artifact, environment: variables, removedEnvironment: removedEnvironment, description: description, role: roleARN,
            defaultRole: "arn:aws:iam::\(account):role/signalbox")
    }

    func isChange(_ plan: DeploymentPlan, of current: JSONValue?) -> Bool {
        force || current.map { !plan.isFulfilled(by: $0) } ?? true
    }

    private var variables: [String: String] {
        Dictionary(
            environment.map { entry in
                let sides = entry.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                return (String(sides[0]), String(sides[1]))
            }, uniquingKeysWith: { $1 })
    }

    private func change(
        _ plan: DeploymentPlan, present: JSONValue?, _ client: SignalboxClient, _ progress: Progress
    ) async throws -> JSONValue {
        try await progress.step("\(name) READY") { step in
            let answer =
                if let present {
                    try await client.runtimeUpdate(try present.required("agentRuntimeId"), plan.update(of: present))
                } else {
                    try await client.runtimeCreate(plan.creation(named: name))
                }
            let version = try answer.required("agentRuntimeVersion")
            let id = try answer.required("agentRuntimeId")
            let settled: JSONValue
            do {
                settled = try await client.runtimeWait(id) { step.update("version \(version) \($0)") }
            } catch ClientError.failed(let reason) {
                throw CommandError(reason + hint(plan, reason))
            }
            step.conclude("\(name): version \(try settled.required("agentRuntimeVersion")) READY")
            return settled
        }
    }

    /// An image of this name can be had from no registry.
    private func hint(_ plan: DeploymentPlan, _ reason: String) -> String {
        guard case .image(let reference) = plan.artifact, ImageReference(reference).isLocal, reason.contains("pull \(reference)") else {
            return ""
        }
        return "\nThe server's container engine does not have the image: build it on that engine, or --push it to a registry."
    }

    private func point(
        _ endpoint: String, of runtime: String, to version: String, _ client: SignalboxClient, _ progress: Progress
    ) async throws {
        try await progress.step("endpoint \(endpoint) on version \(version)") { step in
            do {
                let present = try await client.endpointFetch(runtime, endpoint)
                if present["liveVersion"]?.string == version, present["status"]?.string == "READY" { return }
                _ = try await client.endpointSwitch(runtime, endpoint, to: version)
            } catch let error as ClientError where error.status == 404 {
                _ = try await client.endpointCreate(runtime, endpoint, version: version)
            }
            _ = try await client.endpointWait(runtime, endpoint) { step.update($0) }
        }
    }
}
