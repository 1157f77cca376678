import Crypto
import DockerClient
import Synchronization

/// A container engine that builds, tags and pushes for `deploy`.
struct ImageBuilder: Sendable {
    /// What a build may take, and a push.
    static let timeout = Duration.seconds(3600)

    let client: DockerClient
    private let registries: RegistryConfiguration

    /// Finds the engine for the time of `body`.
    ///
    /// - Parameter host: of `--docker-host`; nil: the environment says, or the first one that answers.
    static func with<Value>(
        host: String?, environment: [String: String], _ body: (ImageBuilder) async throws -> Value
    ) async throws -> Value {
        let client = try await connect(host, environment)
        let builder = ImageBuilder(client: client, registries: RegistryConfiguration(environment: environment))
        let result: Result<Value, any Error>
        do {
            result = .success(try await body(builder))
        } catch let error as DockerError {
            result = .failure(CommandError(error.message))
        } catch {
            result = .failure(error)
        }
        await client.shutdown()
        return try result.get()
    }

    private static func connect(_ host: String?, _ environment: [String: String]) async throws -> DockerClient {
        guard host != "off" else { throw CommandError("building an image needs a container engine, and \(Setting.dockerHost.flag) is off") }
        let endpoints: [DockerEndpoint]
        do {
            endpoints =
                if let host {
                    [try DockerEndpoint(host, certificates: DockerEndpoint.certificates(environment))]
                } else {
                    try DockerEndpoint.candidates(environment: environment)
                }
        } catch {
            throw CommandError(usage: "the container engine's address: \(error.message)")
        }
        var failures: [String] = []
        for endpoint in endpoints {
            let client: DockerClient
            do {
                client = try DockerClient(endpoint)
            } catch {
                throw CommandError(usage: error.message)
            }
            do {
                _ = try await client.version()
                return client
            } catch let error as DockerError {
                await client.shutdown()
                failures.append(error.message)
            }
        }
        throw CommandError(
            failures.isEmpty
                ? "building an image needs Docker or Podman; none was found (looked at \(DockerEndpoint.searched))"
                : failures.joined(separator: "\n"))
    }

    /// Builds the image and gives it a tag that keeps it from being pruned. Returns its id, `sha256:…`.
    func build(
        _ context: BuildContext, repository: String, arguments: [String: String], _ step: Progress.Step
    ) async throws -> String {
        step.update("reading \(context.path)")
        let entries = try context.entries()
        let tar = TarStream(context.path, entries)
        var credentials: [String: RegistryCredentials] = [:]
        for registry in try context.contents().registries(arguments: arguments).sorted() {
            if let found = try await registries.credentials(for: registry) { credentials[found.key] = found }
        }
        let log = Mutex(BuildLog())
        let id: String
        do {
            id = try await client.imageBuild(
                dockerfile: context.dockerfile, tag: repository + ":latest", arguments: arguments, labels: Self.labels(arguments),
                registries: credentials, timeout: Self.timeout, context: tar.next
            ) { output in
                let sentence = log.withLock { log in
                    log.take(output)
                    return log.sentence
                }
                step.update(sentence)
            }
        } catch DockerError.failed(let reason) {
            throw CommandError(log.withLock { $0.failure(reason) })
        } catch DockerError.refused(_, let reason) {
            let links = entries.filter(\.leadsOut).map(\.name)
            let hint = links.isEmpty ? "" : "; Podman takes no links that lead out of the folder, such as \(links[0])"
            throw CommandError("building the image failed: \(reason)\(hint)")
        }
        let tag = Self.tag(of: id)
        try await client.imageTag(id, repository: repository, tag: tag)
        let count = log.withLock { $0.count }.map { $0 == "1" ? " in 1 step" : " in \($0) steps" } ?? ""
        step.conclude("built \(repository):\(tag)\(count)")
        return id
    }

    /// Pushes an image. Returns where everybody can pull it: `name@sha256:…`.
    func push(_ id: String, to target: ImageReference, _ step: Progress.Step) async throws -> String {
        let tag = target.tag ?? Self.tag(of: id)
        let named = ImageReference("\(target.name):\(tag)")
        do {
            let credentials = try await registries.credentials(for: named.registry)
            try await client.imageTag(id, repository: named.name, tag: tag)
            let digest = try await client.imagePush(named, credentials: credentials, timeout: Self.timeout) { step.update($0) }
            step.conclude("pushed \(named)")
            return "\(named.name)@\(digest)"
        } catch let error as DockerError {
            throw CommandError("pushing \(named) failed: \(error.message)")
        }
    }

    /// Podman takes a last step from its cache even if it depends on an argument that is another now, unless something
    /// else in it differs, too (seen with 4.3). Hashed, since arguments may be secret.
    private static func labels(_ arguments: [String: String]) -> [String: String] {
        guard !arguments.isEmpty else { return [:] }
        var hash = SHA256()
        for (name, value) in arguments.sorted(by: { $0.key < $1.key }) { hash.update(data: Array("\(name)=\(value)\0".utf8)) }
        return ["signalbox.build-arguments": hash.finalize().map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()]
    }

    /// Twelve digits, as engines print ids.
    private static func tag(of id: String) -> String { String(id.dropFirst("sha256:".count).prefix(12)) }

    /// Where images of a runtime are kept on the engine's host. No registry is asked for `localhost`.
    static func repository(of runtime: String) -> String {
        // Names of runtimes have capitals and any number of underscores; those of repositories have not.
        "localhost/signalbox/" + runtime.lowercased().split(separator: "_").joined(separator: "_")
    }
}
