import Foundation
import Testing

@testable import DockerClient

@Suite struct RegistryConfigurationTests {
    /// A directory with Docker's configuration, gone when the test ends.
    private final class Home {
        let path = NSTemporaryDirectory() + "registry-" + UUID().uuidString
        init(_ configuration: String) throws {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
            try configuration.write(toFile: path + "/config.json", atomically: true, encoding: .utf8)
        }
        deinit { try? FileManager.default.removeItem(atPath: path) }

        func helper(_ name: String, _ script: String) throws {
            let file = path + "/docker-credential-" + name
            try ("#!/bin/sh\n" + script).write(toFile: file, atomically: true, encoding: .utf8)
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: file)
        }

        var registries: RegistryConfiguration {
            RegistryConfiguration(environment: ["DOCKER_CONFIG": path, "PATH": path + ":/usr/bin:/bin"])
        }
    }

    @Test func fromTheFile() async throws {
        let auth = Data("me:a:secret".utf8).base64EncodedString()
        let home = try Home(#"{"auths":{"ghcr.io":{"auth":"\#(auth)"},"https://index.docker.io/v1/":{"auth":"\#(auth)"}}}"#)
        let found = try await home.registries.credentials(for: "ghcr.io")
        #expect(found == RegistryCredentials(username: "me", password: "a:secret", registry: "ghcr.io"))
        #expect(try await home.registries.credentials(for: "docker.io")?.username == "me")
        #expect(try await home.registries.credentials(for: "elsewhere.example") == nil)
    }

    @Test func fromAHelper() async throws {
        let home = try Home(#"{"credHelpers":{"a.example":"one"},"credsStore":"two"}"#)
        try home.helper("one", #"read name; printf '{"Username":"u","Secret":"for %s"}' "$name""#)
        try home.helper(
            "two",
            #"read name; [ "$name" = b.example ] && printf '{"Username":"<token>","Secret":"t"}' && exit; echo 'credentials not found in native keychain'; exit 1"#
        )
        #expect(try await home.registries.credentials(for: "a.example")?.password == "for a.example")
        #expect(try await home.registries.credentials(for: "b.example")?.identityToken == "t")
        #expect(try await home.registries.credentials(for: "c.example") == nil)
    }

    @Test(arguments: [
        #"{"credHelpers":{"a.example":"absent"}}"#, #"{"credHelpers":{"a.example":"../../bin/sh"}}"#,
        #"{"auths":{"a.example":{"auth":"%%"}}}"#, "no JSON",
    ])
    func whatDoesNotWorkIsSaid(_ configuration: String) async throws {
        let home = try Home(configuration)
        await #expect(throws: DockerError.self) { try await home.registries.credentials(for: "a.example") }
    }

    @Test func theHeaderIsBase64OfTheURLsAlphabet() throws {
        let header = try RegistryCredentials(username: "ü?>", password: "~~~???", registry: "r").header()
        #expect(!header.contains("+") && !header.contains("/"))
        let data = try #require(Data(base64Encoded: header.replacing("-", with: "+").replacing("_", with: "/")))
        let members = try JSONDecoder().decode([String: String].self, from: data)
        #expect(members == ["username": "ü?>", "password": "~~~???", "serveraddress": "r"])
    }
}
