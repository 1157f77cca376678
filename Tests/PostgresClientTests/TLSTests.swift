import Foundation
import TestSupport
import Testing

@testable import PostgresClient

/// TLS by libpq's own options, with a server that admits nobody without it on TCP.
@Suite struct TLSTests {
    /// A server, its authority's certificate, and one of an authority that did not sign anything.
    struct Server: Sendable {
        var port: Int
        var authority: String
        var stranger: String

        func configuration(_ options: String) -> PostgresConfiguration {
            PostgresConfiguration(
                connectionString: "host=localhost hostaddr=127.0.0.1 port=\(port) user=signalbox dbname=signalbox \(options)")
        }
    }

    static func withServer(_ body: @escaping @Sendable (Server) async throws -> Void) async throws {
        try await EmbeddedClusterTests.withHome { home in
            let user = try ServiceUser.choose(dataDirectory: "\(home)/pg/data")
            let certificates = try await DetachedThread.run { try Certificates(directory: "\(home)/tls", keyOwner: user) }
            let rules = "\(home)/tls/pg_hba.conf"
            try "local all all trust\nhostssl all all 127.0.0.1/32 trust\n".write(toFile: rules, atomically: false, encoding: .utf8)
            let port = try freePort()
            let cluster = EmbeddedCluster(
                directory: home, logger: TestLog.logger,
                settings: [
                    "fsync": "off", "listen_addresses": "127.0.0.1", "port": "\(port)", "hba_file": rules, "ssl": "on",
                    "ssl_cert_file": certificates.server, "ssl_key_file": certificates.serverKey,
                ])
            _ = try await cluster.start()
            let server = Server(port: port, authority: certificates.authority, stranger: certificates.stranger)
            let result = await Task { try await body(server) }.result
            await cluster.stop()
            try result.get()
        }
    }

    /// Version of TLS on each lane, `nil` for plain text.
    static func versions(_ client: PostgresClient) async throws -> (pipelined: String?, pinned: String?) {
        let pipelined = try await client.query("SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
        let pinned = try await client.queryPinned("SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()", [], deadline: nil)
        return (try pipelined.first?.textOrNil("version"), try pinned.first?.textOrNil("version"))
    }

    @Test func theServersCertificateIsVerified() async throws {
        try await Self.withServer { server in
            for options in [
                "sslmode=require", "sslmode=require sslrootcert=\(server.authority)",
                "sslmode=verify-ca sslrootcert=\(server.authority)", "sslmode=verify-full sslrootcert=\(server.authority)",
            ] {
                try await AwayTests.withClient(server.configuration(options)) { client in
                    let versions = try await Self.versions(client)
                    #expect(versions.pipelined?.hasPrefix("TLSv1.") == true, "\(options)")
                    #expect(versions.pinned?.hasPrefix("TLSv1.") == true, "\(options)")
                }
            }
            let refused: [(options: String, reason: String)] = [
                ("sslmode=verify-ca sslrootcert=\(server.stranger)", "certificate verify failed"),
                ("sslmode=verify-full sslrootcert=\(server.stranger)", "certificate verify failed"),
                // With a root certificate libpq verifies in this mode, too.
                ("sslmode=require sslrootcert=\(server.stranger)", "certificate verify failed"),
                ("host=other.example sslmode=verify-full sslrootcert=\(server.authority)", "does not match host name"),
                ("sslmode=verify-ca sslrootcert=/nonexistent.crt", "/nonexistent.crt"),
                ("sslmode=disable", "no encryption"),
            ]
            for (options, reason) in refused {
                try await AwayTests.withClient(server.configuration(options)) { client in
                    for error in [
                        await postgresFailure { try await client.query("SELECT 1") },
                        await postgresFailure { try await client.transaction { _ in } },
                    ] {
                        #expect(error?.message.contains(reason) == true, "\(options): \(String(describing: error))")
                    }
                    #expect(await postgresFailure { try await client.query("SELECT 1") }?.kind == .away, "\(options)")
                }
            }
        }
    }

    /// Decrypted bytes may wait inside the TLS library while the socket has none: poll(2) alone would not see them.
    @Test func largeValuesNotificationsAndManyAtOnceWork() async throws {
        try await Self.withServer { server in
            let options = "sslmode=verify-full sslrootcert=\(server.authority)"
            try await AwayTests.withClient(server.configuration(options)) { client in
                var notifications = client.notifications(["news"]).makeAsyncIterator()
                #expect(await notifications.next() == .resumed)
                let large = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for number in 0..<200 as Range<Int64> {
                        group.addTask {
                            let answer = try await client.query("SELECT $1::bigint AS n", [.int(number)]).first?.int("n")
                            #expect(answer == number)
                        }
                    }
                    for _ in 0..<4 {
                        group.addTask {
                            let pipelined = try await client.query("SELECT $1::bytea AS b", [.bytes(large)]).first?.bytes("b")
                            let pinned = try await client.queryPinned("SELECT $1::bytea AS b", [.bytes(large)], deadline: nil)
                                .first?.bytes("b")
                            #expect(pipelined == large)
                            #expect(pinned == large)
                        }
                    }
                    try await group.waitForAll()
                }
                try await client.query("SELECT pg_notify('news', 'hello')")
                #expect(await notifications.next() == .payload(channel: "news", payload: "hello"))
            }
        }
    }

    private static func freePort() throws -> Int {
        let number = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        defer { close(number) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let port = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                bind(number, generic, size) == 0 && getsockname(number, generic, &size) == 0
            } ? Int(UInt16(bigEndian: pointer.pointee.sin_port)) : 0
        }
        return try #require(port > 0 ? port : nil, "no free port")
    }
}

/// Two authorities and a server's certificate for `localhost` by the first, made afresh by openssl.
struct Certificates: Sendable {
    let authority: String
    let stranger: String
    let server: String
    let serverKey: String

    init(directory: String, keyOwner: ServiceUser) throws {
        try FileSystem.makeDirectories(directory, mode: 0o755)
        func path(_ name: String) -> String { "\(directory)/\(name)" }
        authority = path("authority.crt")
        stranger = path("stranger.crt")
        server = path("server.crt")
        serverKey = path("server.key")
        let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        for (name, certificate) in [("authority", authority), ("stranger", stranger)] {
            try Self.openssl(
                ["req", "-x509", "-days", "2", "-subj", "/CN=Signalbox test \(name)", "-keyout", path("\(name).key"), "-out", certificate]
                    + key)
        }
        try Self.openssl(["req", "-subj", "/CN=localhost", "-keyout", serverKey, "-out", path("server.csr")] + key)
        try "subjectAltName=DNS:localhost\n".write(toFile: path("extensions"), atomically: false, encoding: .utf8)
        try Self.openssl([
            "x509", "-req", "-days", "2", "-in", path("server.csr"), "-CA", authority, "-CAkey", path("authority.key"), "-CAcreateserial",
            "-extfile", path("extensions"), "-out", server,
        ])
        // PostgreSQL refuses a key that others may read.
        guard chown(serverKey, keyOwner.id, keyOwner.group) == 0, chmod(serverKey, 0o600) == 0 else {
            throw FileSystem.failure("cannot give \(serverKey) to \(keyOwner.name)")
        }
    }

    private static func openssl(_ arguments: [String]) throws {
        let program = try #require(Executables.find("openssl"), "apt-get install openssl")
        let outcome = try ChildProcess.run([program] + arguments)
        guard outcome.succeeded else { throw EmbeddedClusterError("openssl \(arguments[0]): \(outcome.output)") }
    }
}
