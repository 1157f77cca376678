import Foundation
import Platform
import TestSupport
import Testing

@testable import PostgresClient

@Suite struct EmbeddedClusterTests {
    /// A home of the test's own, removed afterwards together with a PostgreSQL that still runs in it.
    static func withHome(_ suffix: String = "", _ body: (String) async throws -> Void) async throws {
        let root = "/tmp/signalbox-embedded-\(getpid())-\(Identifier.alphanumeric(6))"
        let home = root + suffix
        let result: Result<Void, any Error>
        do { result = .success(try await body(home)) } catch { result = .failure(error) }
        if let (postmaster, file) = Postmaster.running(dataDirectory: "\(home)/pg/data") {
            postmaster.signal(SIGQUIT)
            _ = postmaster.waitForEnd(.seconds(5))
            if !file.socketDirectory.hasPrefix(home) { FileSystem.removeTree(file.socketDirectory) }
        }
        FileSystem.removeTree(root)
        try result.get()
    }

    static func cluster(_ home: String, programs: [String]? = nil) -> EmbeddedCluster {
        EmbeddedCluster(directory: home, logger: TestLog.logger, settings: [:], programDirectories: programs)
    }

    static func databaseName(_ connectionString: String) async throws -> String? {
        let client = PostgresClient(PostgresConfiguration(connectionString: connectionString), logger: TestLog.logger)
        let run = Task { await client.run() }
        let result = await Task { try await client.query("SELECT current_database()::text AS name").first?.text("name") }.result
        run.cancel()
        await run.value
        return try result.get()
    }

    @Test func startsAdoptsAndStops() async throws {
        try await Self.withHome { home in
            let first = Self.cluster(home)
            let connectionString = try await first.start()
            #expect(try await Self.databaseName(connectionString) == "signalbox")
            let pid = try #require(first.processID)

            // A session of its own: the terminal's signals do not reach it.
            #expect(getsid(pid) == pid)
            #expect(getsid(pid) != getsid(0))
            // The sockets' directory is closed to others, and nothing listens on TCP.
            let socket = try #require(FileSystem.status("\(home)/pg/run"))
            #expect(socket.st_mode & 0o777 == 0o700)
            #expect(socket.st_uid != 0)

            // Another server of the same home, as after kill -9 of the first.
            let second = Self.cluster(home)
            #expect(try await second.start() == connectionString)
            #expect(second.processID == pid)

            await second.stop()
            #expect(first.processID == nil)
            #expect(!FileSystem.exists("\(home)/pg/data/postmaster.pid"))
            await second.stop()

            // Its data are still there, and it starts again.
            #expect(try await first.start() == connectionString)
            #expect(first.processID != pid)
            await first.stop()
        }
    }

    @Test func twoStartsAtOnceMakeOneCluster() async throws {
        try await Self.withHome { home in
            let clusters = [Self.cluster(home), Self.cluster(home)]
            async let first = clusters[0].start()
            async let second = clusters[1].start()
            let strings = try await [first, second]
            #expect(strings[0] == strings[1])
            #expect(clusters[0].processID == clusters[1].processID)
            await clusters[0].stop()
        }
    }

    @Test func aCrashedServerIsStartedAgain() async throws {
        try await Self.withHome { home in
            let cluster = Self.cluster(home)
            _ = try await cluster.start()
            let pid = try #require(cluster.processID)
            kill(pid, SIGKILL)
            try await eventually("it is gone") { cluster.processID == nil }
            let connectionString = try await cluster.start()
            #expect(cluster.processID != pid)
            #expect(try await Self.databaseName(connectionString) == "signalbox")
            await cluster.stop()
        }
    }

    @Test func aLongHomeGetsAShortSocketDirectory() async throws {
        try await Self.withHome("/" + String(repeating: "long-", count: 25)) { home in
            let cluster = Self.cluster(home)
            let connectionString = try await cluster.start()
            #expect(!connectionString.contains("long-"))
            #expect(try await Self.databaseName(connectionString) == "signalbox")
            let socket = try #require(Postmaster.running(dataDirectory: "\(home)/pg/data")).1.socketDirectory
            await cluster.stop()
            #expect(!FileSystem.exists(socket), "it lies outside of the home")
        }
    }

    @Test(arguments: ["it's \"odd\" \\home", "one,two"]) func oddCharactersInTheHomeAreQuoted(name: String) async throws {
        try await Self.withHome("/\(name)") { home in
            let cluster = Self.cluster(home)
            let connectionString = try await cluster.start()
            #expect(try await Self.databaseName(connectionString) == "signalbox")
            await cluster.stop()
        }
    }

    @Test func missingProgramsSayWhatToInstall() async throws {
        try await Self.withHome { home in
            let error = await #expect(throws: EmbeddedClusterError.self) {
                _ = try await Self.cluster(home, programs: ["/nonexistent"]).start()
            }
            #expect(error?.description.contains("apt-get install postgresql") == true)
        }
    }

    @Test func dataOfAnotherVersionSayWhatToInstall() async throws {
        try await Self.withHome { home in
            let cluster = Self.cluster(home)
            _ = try await cluster.start()
            await cluster.stop()
            try "13\n".write(toFile: "\(home)/pg/data/PG_VERSION", atomically: false, encoding: .utf8)
            let error = await #expect(throws: EmbeddedClusterError.self) { _ = try await cluster.start() }
            #expect(error?.description.contains("was made by PostgreSQL 13") == true)
            #expect(error?.description.contains("apt-get install postgresql-13") == true)
        }
    }

    @Test func theRightInstallationIsChosen() throws {
        func choose(_ majors: [Int], forData major: Int? = nil) throws -> Int {
            let installations = majors.map { PostgresInstallation(directory: "/usr/lib/postgresql/\($0)/bin", major: $0) }
            return try PostgresInstallation.choose(installations, places: [], forData: major, dataDirectory: "/x").major
        }
        #expect(try choose([14, 17, 15]) == 17)
        #expect(try choose([14, 17, 15], forData: 15) == 15)
        #expect(try choose([11], forData: 11) == 11)
        let tooOld = #expect(throws: EmbeddedClusterError.self) { try choose([13]) }
        #expect(tooOld?.description.contains("14 or newer is needed") == true)
        let mismatch = #expect(throws: EmbeddedClusterError.self) { try choose([17, 15], forData: 16) }
        #expect(mismatch?.description.contains("only 17, 15 is installed") == true)
    }

    @Test func aFailedStartShowsWhatPostgreSQLSaid() async throws {
        try await Self.withHome { home in
            let cluster = EmbeddedCluster(directory: home, logger: TestLog.logger, settings: ["shared_buffers": "nonsense"])
            let error = await #expect(throws: EmbeddedClusterError.self) { _ = try await cluster.start() }
            #expect(error?.description.contains("shared_buffers") == true)
        }
    }

    /// A number that now belongs to somebody else is neither adopted nor signalled, and does not
    /// keep PostgreSQL from starting.
    @Test func aRecycledProcessNumberIsLeftAlone() async throws {
        try await Self.withHome { home in
            let cluster = Self.cluster(home)
            _ = try await cluster.start()
            await cluster.stop()
            let user = try ServiceUser.choose(dataDirectory: "\(home)/pg/data")
            let null = open("/dev/null", O_WRONLY)
            defer { close(null) }
            let innocent = try ChildProcess.spawn(["/bin/sleep", "60"], as: user, output: null)
            defer {
                kill(innocent, SIGKILL)
                ChildProcess.waitFor(innocent)
            }
            let lock = "\(innocent)\n\(home)/pg/data\n1700000000\n5432\n\(home)/pg/run\n\n\nready   \n"
            try lock.write(toFile: "\(home)/pg/data/postmaster.pid", atomically: false, encoding: .utf8)
            chown("\(home)/pg/data/postmaster.pid", user.id, user.group)

            #expect(cluster.processID == nil)
            await cluster.stop()
            #expect(kill(innocent, 0) == 0)
            _ = try await cluster.start()
            #expect(cluster.processID != innocent)
            await cluster.stop()
            #expect(kill(innocent, 0) == 0)
        }
    }
}
