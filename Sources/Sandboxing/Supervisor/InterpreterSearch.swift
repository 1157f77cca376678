import Platform

extension SupervisorCore {
    /// Interpreters by AgentCore's name for them, found by running them inside a sandbox. Searched once.
    func interpreters(in image: SandboxImage?) async throws -> [String: String] {
        let key = image?.id ?? ""
        if let search = interpreterSearches[key] { return try await search.value }
        let search = Task { try await findInterpreters(in: image) }
        interpreterSearches[key] = search
        do {
            return try await search.value
        } catch {
            interpreterSearches[key] = nil
            throw error
        }
    }

    private func findInterpreters(in image: SandboxImage?) async throws -> [String: String] {
        // A local build, if there is one, was put there to be used.
        let script = """
            for v in 3.10 3.11 3.12 3.13 3.14; do for d in /usr/local/bin /usr/bin; do
            p=$d/python$v; [ -x $p ] || continue
            r=$($p -I -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || continue
            [ "$r" = $v ] && echo "found $v $p" && break; done; done; echo done
            """
        let id = "interpreters-" + Identifier.alphanumeric(12)
        let specification = SandboxSpecification(
            id: id, engine: image == nil ? BubblewrapEngine.name : ContainerEngine.name, image: image, bundle: nil,
            command: ["/bin/sh", "-c", script],
            limits: SandboxLimits(memoryBytes: 512 << 20, cpus: 2, pids: 32, temporaryBytes: 16 << 20, logBytes: 65536))
        _ = try await start(specification, isHidden: true)
        guard let record = records[id] else { throw SignalboxError.internal("the interpreter search is lost") }
        let timer = Task {
            try await Task.sleep(for: .seconds(30))
            kill(record)
        }
        await end(record)
        timer.cancel()
        let output = LogFile.tail(record.directory, bytes: 65536)
        let exit = record.state.exit
        try? await forget(id)
        guard output.hasSuffix("done\n") else {
            let reason = exit?.sentence ?? "no answer"
            throw SignalboxError.agentFailed("no sandbox can run on this host: \(output.isEmpty ? reason : output)")
        }
        var found: [String: String] = [:]
        for line in output.split(separator: "\n") {
            let words = line.split(separator: " ")
            guard words.count == 3, words[0] == "found" else { continue }
            found["PYTHON_" + words[1].split(separator: ".").joined(separator: "_")] = String(words[2])
        }
        return found
    }
}
