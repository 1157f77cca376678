#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// What a registry asks for. Secret: never log it.
public struct RegistryCredentials: Sendable, Equatable {
    public var username: String
    public var password: String
    /// Instead of a password, where the registry's helper gives one: an OAuth refresh token.
    public var identityToken: String?
    public var registry: String

    public init(username: String, password: String, identityToken: String? = nil, registry: String) {
        self.username = username
        self.password = password
        self.identityToken = identityToken
        self.registry = registry
    }

    private struct Wire: Encodable {
        var username: String?
        var password: String?
        var identitytoken: String?
        var serveraddress: String
    }

    private var wire: Wire {
        identityToken == nil
            ? Wire(username: username, password: password, serveraddress: registry)
            : Wire(identitytoken: identityToken, serveraddress: registry)
    }

    /// What an engine looks for when it pulls the base images of a build: the registry, but for Docker Hub's historic address.
    public var key: String { registry == "docker.io" ? "https://index.docker.io/v1/" : registry }

    /// For `X-Registry-Auth`: JSON in the URL's alphabet of base64.
    func header() throws -> String { Self.urlSafe(try JSONEncoder().encode(wire)) }

    /// For `X-Registry-Config`, by ``key``.
    static func header(of registries: [String: RegistryCredentials]) throws -> String {
        urlSafe(try JSONEncoder().encode(registries.mapValues(\.wire)))
    }

    private static func urlSafe(_ data: Data) -> String {
        data.base64EncodedString().replacing("+", with: "-").replacing("/", with: "_")
    }
}

/// Docker's own configuration of credentials: `config.json` with `auths`, `credHelpers` and `credsStore`
/// (docs.docker.com/reference/cli/docker/login), and Podman's `auth.json`, which has the same form.
public struct RegistryConfiguration: Sendable {
    private struct File: Decodable {
        struct Entry: Decodable {
            var auth: String?
            var identitytoken: String?
        }
        var auths: [String: Entry]?
        var credHelpers: [String: String]?
        var credsStore: String?
    }

    /// Read in this order; the first that knows a registry decides.
    let paths: [String]
    /// Of the helpers.
    let environment: [String: String]

    public init(environment: [String: String]) {
        self.environment = environment
        var paths: [String] = []
        if let directory = environment["DOCKER_CONFIG"] {
            paths.append(directory + "/config.json")
        } else if let home = environment["HOME"] {
            paths.append(home + "/.docker/config.json")
        }
        if let file = environment["REGISTRY_AUTH_FILE"] {
            paths.append(file)
        } else if let runtime = environment["XDG_RUNTIME_DIR"] {
            paths.append(runtime + "/containers/auth.json")
        }
        self.paths = paths
    }

    /// `nil`: none are configured, which suffices for public images. Throws ``DockerError/credentials(_:)`` when a file
    /// or a helper does not work.
    public func credentials(for registry: String) async throws -> RegistryCredentials? {
        for path in paths {
            guard let data = FileManager.default.contents(atPath: path) else { continue }
            let file: File
            do {
                file = try JSONDecoder().decode(File.self, from: data)
            } catch {
                // The decoder's message may quote what is in the file.
                throw DockerError.credentials("\(path) is not a configuration of credentials")
            }
            let names = Self.names(of: registry)
            if let helper = names.lazy.compactMap({ file.credHelpers?[$0] }).first {
                return try await ask(helper, names[0], registry)
            }
            if let (name, entry) = names.lazy.compactMap({ name in file.auths?[name].map { (name, $0) } }).first {
                if let store = file.credsStore, entry.auth == nil { return try await ask(store, name, registry) }
                if let found = try Self.decode(entry.auth, entry.identitytoken, registry, path) { return found }
            }
            if let store = file.credsStore, let found = try await ask(store, names[0], registry) { return found }
        }
        return nil
    }

    /// Docker Hub's entry has a name of its own.
    private static func names(of registry: String) -> [String] {
        registry == "docker.io"
            ? ["https://index.docker.io/v1/", "docker.io", "index.docker.io"]
            : [registry, "https://" + registry, "https://\(registry)/v1/"]
    }

    private static func decode(_ auth: String?, _ token: String?, _ registry: String, _ path: String) throws -> RegistryCredentials? {
        guard let auth, !auth.isEmpty else { return nil }
        guard let data = Data(base64Encoded: auth), let colon = data.firstIndex(of: UInt8(ascii: ":")) else {
            throw DockerError.credentials("\(path): the entry for \(registry) is not base64 of name:password")
        }
        let text = String(decoding: data[data.index(after: colon)...], as: UTF8.self)
        return RegistryCredentials(
            username: String(decoding: data[..<colon], as: UTF8.self), password: text.trimmingCharacters(in: ["\0"]),
            identityToken: token.flatMap { $0.isEmpty ? nil : $0 }, registry: registry)
    }

    private func ask(_ helper: String, _ name: String, _ registry: String) async throws -> RegistryCredentials? {
        struct Answer: Decodable {
            var username: String
            var secret: String
            enum CodingKeys: String, CodingKey {
                case username = "Username"
                case secret = "Secret"
            }
        }
        guard let output = try await CredentialHelper(name: helper, environment: environment).get(name) else { return nil }
        guard let answer = try? JSONDecoder().decode(Answer.self, from: output) else {
            throw DockerError.credentials("docker-credential-\(helper) gave an answer that can't be read")
        }
        // The protocol's word for "the secret is a token".
        return answer.username == "<token>"
            ? RegistryCredentials(username: "", password: "", identityToken: answer.secret, registry: registry)
            : RegistryCredentials(username: answer.username, password: answer.secret, registry: registry)
    }
}
