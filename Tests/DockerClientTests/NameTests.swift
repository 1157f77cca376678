import Testing

@testable import DockerClient

@Suite struct ImageReferenceTests {
    @Test(
        arguments: [
            ("python", "docker.io", "library/python", nil, nil),
            ("me/agent:1", "docker.io", "me/agent", "1", nil),
            ("localhost/agent:1", "localhost", "agent", "1", nil),
            ("localhost:5000/agent", "localhost:5000", "agent", nil, nil),
            ("ghcr.io/a/b:v1.2@sha256:00ff", "ghcr.io", "a/b", "v1.2", "sha256:00ff"),
            ("registry:5000/x@sha256:00ff", "registry:5000", "x", nil, "sha256:00ff"),
        ] as [(String, String, String, String?, String?)])
    func isTakenApart(_ text: String, _ registry: String, _ repository: String, _ tag: String?, _ digest: String?) {
        let reference = ImageReference(text)
        #expect(reference.registry == registry)
        #expect(reference.repository == repository)
        #expect(reference.tag == tag)
        #expect(reference.digest == digest)
        #expect(reference.description == text)
    }

    @Test func aNameHasNeitherTagNorDigest() {
        #expect(ImageReference("localhost:5000/a/b:1@sha256:00").name == "localhost:5000/a/b")
        #expect(ImageReference("python").name == "python")
    }

    @Test func repositoriesAreComparedWithTheirRegistry() {
        #expect(ImageReference("python:3").isSameRepository(as: ImageReference("docker.io/library/python@sha256:00")))
        #expect(!ImageReference("python").isSameRepository(as: ImageReference("ghcr.io/library/python")))
    }
}

@Suite struct EndpointTests {
    @Test func notationsOfDockerHost() throws {
        #expect(try DockerEndpoint("unix:///run/docker.sock").address == .unix(path: "/run/docker.sock"))
        #expect(try DockerEndpoint("/run/docker.sock").address == .unix(path: "/run/docker.sock"))
        #expect(try DockerEndpoint("tcp://127.0.0.1:2375").address == .tcp(host: "127.0.0.1", port: 2375))
        #expect(try DockerEndpoint("tcp://[::1]:2375").description == "tcp://[::1]:2375")
        #expect(try DockerEndpoint("tcp://builder:2376", certificates: "/c").baseURL == "https://builder:2376")
        #expect(try DockerEndpoint("/run/a b.sock").baseURL == "http+unix://%2Frun%2Fa%20b.sock")
    }

    @Test(arguments: [
        "unix://relative.sock", "tcp://host", "tcp://:1", "tcp://host:0", "tcp://host:70000", "ssh://me@host", "",
        // In the clear, to another host.
        "tcp://host:2375", "https://host:2376",
    ])
    func others(_ text: String) {
        #expect(throws: DockerError.self) { try DockerEndpoint(text) }
    }

    @Test func theEnvironmentDecides() throws {
        let candidates = try DockerEndpoint.candidates(environment: ["DOCKER_HOST": "unix:///somewhere.sock"])
        #expect(candidates == [DockerEndpoint(unix: "/somewhere.sock")])
        #expect(try DockerEndpoint.candidates(environment: ["CONTAINER_HOST": "unix:///p.sock"]) == [DockerEndpoint(unix: "/p.sock")])
        #expect(throws: DockerError.self) { try DockerEndpoint.candidates(environment: ["DOCKER_HOST": "nonsense"]) }
    }
}

@Suite struct VersionTests {
    @Test func versionsAreNumbers() {
        #expect(DockerClient.isNewer("1.44", than: "1.41"))
        #expect(DockerClient.isNewer("2.0", than: "1.41"))
        // Podman takes version 4.0.0 of its own API at least; that is no version of Docker's.
        for other in ["1.41", "1.9", "1.24", "4.0.0", "", "1", "x.y", "1.44/../../x"] {
            #expect(!DockerClient.isNewer(other, than: "1.41"))
        }
    }
}
