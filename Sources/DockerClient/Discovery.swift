#if canImport(Glibc)
import Glibc
#else
import Musl
#endif

extension DockerEndpoint {
    /// Where an engine may be, most telling first: what the environment says, then the usual sockets of Docker and
    /// Podman for this user. Those that do not exist are left out.
    public static func candidates(environment: [String: String], userID: UInt32 = geteuid()) throws(DockerError) -> [DockerEndpoint] {
        if let endpoint = try named(by: environment) { return [endpoint] }
        let runtime = environment["XDG_RUNTIME_DIR"] ?? "/run/user/\(userID)"
        let own = [runtime + "/docker.sock", runtime + "/podman/podman.sock"]
        let system = ["/var/run/docker.sock", "/run/podman/podman.sock"]
        return (userID == 0 ? system : own + system).filter { access($0, R_OK | W_OK) == 0 }.map { DockerEndpoint(unix: $0) }
    }

    /// `DOCKER_HOST` with `DOCKER_CERT_PATH` if `DOCKER_TLS_VERIFY` is set, as Docker's client has them; Podman's
    /// `CONTAINER_HOST`.
    private static func named(by environment: [String: String]) throws(DockerError) -> DockerEndpoint? {
        for name in ["DOCKER_HOST", "CONTAINER_HOST"] {
            guard let text = environment[name], !text.isEmpty else { continue }
            return try DockerEndpoint(text, certificates: certificates(environment))
        }
        return nil
    }

    /// Directory of the certificates that Docker's client would use.
    public static func certificates(_ environment: [String: String]) -> String? {
        guard let verify = environment["DOCKER_TLS_VERIFY"], !verify.isEmpty else { return nil }
        return environment["DOCKER_CERT_PATH"] ?? environment["HOME"].map { $0 + "/.docker" }
    }

    /// What was looked for, for people.
    public static let searched = "DOCKER_HOST, /var/run/docker.sock, /run/podman/podman.sock and the user's own sockets"
}
