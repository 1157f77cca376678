import AgentCoreModel
import Client

/// Folders without a Dockerfile: packed and uploaded.
extension DeployCommand {
    /// The archive, uploaded unless the runtime is already made of it.
    func archivePlan(
        _ folder: Folder, present current: JSONValue?, _ client: SignalboxClient, _ account: String, _ progress: Progress
    ) async throws -> DeploymentPlan {
        let code = current?["agentRuntimeArtifact"]?["codeConfiguration"]
        let interpreter = try await interpreter(client, present: code?["runtime"]?.string)
        let entryPoint = try entryPoint(in: folder, present: code?["entryPoint"]?.array?.compactMap(\.string))
        return try await withTemporaryFolder { temporary in
            let archive = try await pack(folder, for: interpreter, in: temporary, progress)
            let bucket = "signalbox-deployments-\(account)"
            let key = "\(name)/\(archive.summary.sha256).zip"
            let plan = plan(
                .archive(bucket: bucket, key: key, interpreter: interpreter.runtime, entryPoint: entryPoint), account: account)
            if isChange(plan, of: current) { try await upload(archive, bucket, key, client, progress) }
            return plan
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
        _ archive: Archive, _ bucket: String, _ key: String, _ client: SignalboxClient, _ progress: Progress
    ) async throws {
        try await progress.step("uploaded to s3://\(bucket)/\(key)") { step in
            try await client.bucketEnsure(bucket)
            // The key is the content: what is there under it is this archive.
            if try await client.objectExists(bucket, key) { return step.conclude("uploaded before") }
            try await archive.read { next in
                try await client.objectPut(bucket, key, size: archive.summary.size, read: next) { sent in
                    step.update("\(sent.inBytes) of \(archive.summary.size.inBytes)")
                }
            }
        }
    }
}

extension Folder {
    fileprivate static func make(_ path: String) throws -> Folder {
        try createFolder(path)
        return try Folder(path)
    }
}
