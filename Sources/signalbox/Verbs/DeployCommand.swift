import AgentCoreModel
import ArgumentParser
import Client

struct DeployCommand: ClientCommand {
    static let configuration = CommandConfiguration(
        commandName: "deploy", abstract: "Make a folder with an agent a new version of a runtime.",
        discussion: """
            Packs the folder, with requirements.txt installed for the agent's interpreter, uploads it, creates the
            runtime or updates it, and returns once it is READY. What .signalboxignore lists stays out, as do .git,
            __pycache__, .venv and *.pyc. A folder that did not change makes no new version.

            An update keeps what is not given here: interpreter, entry point, variables, description, role and all
            that was configured by other means.

            EXAMPLES
              signalbox deploy examples/hello --name hello
              signalbox deploy . --name hello --env GREETING=Hi --endpoint prod
            """)

    @Argument(help: "Folder of the agent.", completion: .directory) var folder: String
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
    @OptionGroup var common: CommonOptions
    @OptionGroup var printing: OutputOptions

    func validate() throws {
        for entry in environment where !entry.dropFirst().contains("=") {
            throw ValidationError("--env \(entry): expected KEY=VALUE")
        }
        if entryPoint.count > 2 { throw ValidationError("--entry-point can be given once or twice") }
    }

    func run(_ client: SignalboxClient, _ output: Output) async throws {
        let progress = Progress()
        let folder = try Folder(folder)
        var current = try await present(client)
        let code = current?["agentRuntimeArtifact"]?["codeConfiguration"]
        let interpreter = try await interpreter(client, present: code?["runtime"]?.string)
        let entryPoint = try entryPoint(in: folder, present: code?["entryPoint"]?.array?.compactMap(\.string))
        guard let account = client.connection.account else {
            throw CommandError("which account the access key belongs to is unknown; set AWS_ACCOUNT_ID")
        }

        let plan = try await withTemporaryFolder { temporary in
            let archive = try await pack(folder, for: interpreter, in: temporary, progress)
            let plan = DeploymentPlan(
                bucket: "signalbox-deployments-\(account)", key: "\(name)/\(archive.summary.sha256).zip",
                interpreter: interpreter.runtime, entryPoint: entryPoint, environment: variables,
                removedEnvironment: removedEnvironment, description: description, role: roleARN,
                defaultRole: "arn:aws:iam::\(account):role/signalbox")
            if force || current.map({ !plan.isFulfilled(by: $0) }) ?? true {
                try await upload(archive, plan, client, progress)
            }
            return plan
        }

        let isUnchanged = !force && current.map { plan.isFulfilled(by: $0) } ?? false
        if !isUnchanged { current = try await change(plan, present: current, client, progress) }
        guard let current else { throw CommandError("\(name): the server's answer lacks the runtime") }
        let version = try current.required("agentRuntimeVersion")
        if let endpoint {
            try await point(endpoint, of: try current.required("agentRuntimeId"), to: version, client, progress)
        }
        output.emit(current, sentence: "\(name): \(isUnchanged ? "unchanged, " : "")version \(version) READY")
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

    private func interpreter(_ client: SignalboxClient, present: String?) async throws -> Interpreter {
        if let wanted = runtime ?? present { return Interpreter(wanted) }
        guard let newest = Interpreter.newest(of: try await client.interpreters().keys) else {
            throw CommandError("the server's host has no Python for agents; install python3 there")
        }
        return newest
    }

    private func entryPoint(in folder: Folder, present: [String]?) throws -> [String] {
        let entryPoint = entryPoint.isEmpty ? present ?? ["main.py"] : entryPoint
        guard let file = entryPoint.last, folder.contains(file) else {
            throw CommandError(
                "\(folder.path) has no file \(entryPoint.last ?? ""), which is what would be run; name another by --entry-point")
        }
        return entryPoint
    }

    private var variables: [String: String] {
        Dictionary(
            environment.map { entry in
                let sides = entry.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                return (String(sides[0]), String(sides[1]))
            }, uniquingKeysWith: { $1 })
    }

    private func pack(
        _ folder: Folder, for interpreter: Interpreter, in temporary: String, _ progress: Progress
    ) async throws -> Archive {
        var packages: Folder?
        if folder.contains("requirements.txt"), let version = interpreter.pythonVersion {
            packages = try await progress.step("requirements.txt installed for Python \(version)") { step in
                let target = try Folder.make(temporary + "/packages")
                try await Requirements.install(
                    folder.path + "/requirements.txt", into: target.path, version: version, step: step)
                return target
            }
        }
        return try await progress.step("packed") { step in
            let archive = try Archive.pack(folder, packages: packages, to: temporary + "/archive.zip")
            let files = archive.summary.fileCount == 1 ? "1 file" : "\(archive.summary.fileCount) files"
            step.conclude("packed \(files), \(archive.summary.size.inBytes)")
            return archive
        }
    }

    private func upload(
        _ archive: Archive, _ plan: DeploymentPlan, _ client: SignalboxClient, _ progress: Progress
    ) async throws {
        try await progress.step("uploaded to s3://\(plan.bucket)/\(plan.key)") { step in
            try await client.bucketEnsure(plan.bucket)
            // The key is the content: what is there under it is this archive.
            if try await client.objectExists(plan.bucket, plan.key) { return step.conclude("uploaded before") }
            try await archive.read { next in
                try await client.objectPut(plan.bucket, plan.key, size: archive.summary.size, read: next) { sent in
                    step.update("\(sent.inBytes) of \(archive.summary.size.inBytes)")
                }
            }
        }
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
            let settled = try await client.runtimeWait(try answer.required("agentRuntimeId")) { status in
                step.update("version \(version) \(status)")
            }
            step.conclude("\(name): version \(try settled.required("agentRuntimeVersion")) READY")
            return settled
        }
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

extension Folder {
    fileprivate static func make(_ path: String) throws -> Folder {
        try createFolder(path)
        return try Folder(path)
    }
}
