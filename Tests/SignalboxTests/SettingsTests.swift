import ArgumentParser
import Configuration
import Foundation
import Sandboxing
import Testing

@testable import signalbox

@Suite struct SettingsTests {
    private func load(
        flags: [String: ConfigValue] = [:], environment: [String: String] = [:], isRoot: Bool = false
    ) async throws -> SettingsReader {
        try await SettingsReader.load(flags: flags, environment: ["HOME": "/nowhere"].merging(environment) { $1 }, isRoot: isRoot)
    }

    /// A configuration file, gone afterwards.
    private func withFile<Value>(_ text: String, _ body: (String) async throws -> Value) async throws -> Value {
        try await withTemporaryFolder { folder in
            try text.write(toFile: folder + "/settings.json", atomically: true, encoding: .utf8)
            return try await body(folder + "/settings.json")
        }
    }

    private func text(_ value: String) -> ConfigValue { ConfigValue(.string(value), isSecret: false) }

    @Test func flagThenEnvironmentThenFile() async throws {
        try await withFile(#"{"listen": "file:1", "maximumSessions": 3, "logLevel": "error"}"#) { path in
            let environment = ["SIGNALBOX_CONFIG": path, "SIGNALBOX_LISTEN": "variable:1", "SIGNALBOX_MAXIMUM_SESSIONS": "2"]
            let settings = try await load(flags: ["listen": text("flag:1")], environment: environment)
            #expect(try settings.string(.listen) == "flag:1")
            #expect(try settings.integer(.maximumSessions) == 2)
            #expect(try settings.string(.logLevel) == "error")
            #expect(try settings.string(.databaseURL) == nil)
        }
    }

    @Test func wayOutIsReadStrictly() async throws {
        let environment = [
            "SIGNALBOX_SANDBOX_NETWORK": "off", "SIGNALBOX_SANDBOX_SUBNET": "10.9.0.0/24",
            "SIGNALBOX_SANDBOX_DENIED": "10.0.0.0/8, 192.0.2.7", "SIGNALBOX_SANDBOX_DNS": "192.0.2.53,fd00::53",
        ]
        let wayOut = try await load(environment: environment).wayOut()
        #expect(!wayOut.isOn && wayOut.subnet.description == "10.9.0.0/24")
        #expect(wayOut.denied.map(\.description) == ["10.0.0.0/8", "192.0.2.7/32"])
        #expect(wayOut.nameServers == ["192.0.2.53", "fd00::53"])
        #expect(try await load().wayOut() == WayOutConfiguration())
        let wrong = [
            ("SUBNET", "10.0.0.0"), ("SUBNET", "10.0.0.1/24"), ("DENIED", "10.0.0.0/8,db.internal"), ("DNS", "dns.google"),
            ("NETWORK", "on"),
        ]
        for (name, value) in wrong {
            let settings = try await load(environment: ["SIGNALBOX_SANDBOX_" + name: value])
            let error = #expect(throws: CommandError.self) { try settings.wayOut() }
            #expect(error?.message.hasPrefix("SIGNALBOX_SANDBOX_\(name): ") == true)
        }
    }

    /// The supervisor that a server starts is told what the server was told, and where the database is.
    @Test func supervisorGetsTheServersSettings() async throws {
        let flags = ["sandboxDenied": text("10.0.0.0/8"), "sandboxNetwork": text("auto")]
        let settings = try await load(flags: flags, environment: ["SIGNALBOX_HOME": "/h", "SIGNALBOX_SANDBOX_DNS": "192.0.2.53"])
        #expect(
            try settings.supervisorArguments(databaseURL: "postgresql://u@192.0.2.9,127.0.0.2/db", environment: [:]) == [
                "supervise", "--home", "/h", "--sandbox-network", "auto", "--sandbox-dns", "192.0.2.53", "--sandbox-denied",
                "10.0.0.0/8,127.0.0.2,192.0.2.9",
            ])
        #expect(
            try await load(environment: ["SIGNALBOX_HOME": "/h"]).supervisorArguments(databaseURL: "host=/tmp", environment: [:]) == [
                "supervise", "--home", "/h",
            ])
    }

    @Test func emptyVariableCountsAsAbsent() async throws {
        let settings = try await load(environment: ["SIGNALBOX_LISTEN": ""])
        #expect(try settings.string(.listen) == nil)
    }

    @Test func homeHasItsDefaultByUser() async throws {
        #expect(try await load().home == "/nowhere/.signalbox")
        #expect(try await load(isRoot: true).home == "/var/lib/signalbox")
        #expect(try await load(environment: ["SIGNALBOX_HOME": "/tmp/x/"]).home == "/tmp/x")
    }

    @Test func homesFileIsFoundAndCannotMoveTheHome() async throws {
        try await withTemporaryFolder { home in
            let file = home + "/config.json"
            try #"{"maximumSessions": 7}"#.write(toFile: file, atomically: true, encoding: .utf8)
            let settings = try await load(environment: ["SIGNALBOX_HOME": home])
            #expect(try settings.integer(.maximumSessions) == 7)
            try #"{"home": "/elsewhere"}"#.write(toFile: file, atomically: true, encoding: .utf8)
            let error = await #expect(throws: CommandError.self) { try await load(environment: ["SIGNALBOX_HOME": home]) }
            #expect(error?.message.contains("can't move it") == true)
        }
        try await withFile(#"{"home": "/elsewhere"}"#) { path in
            let settings = try await load(environment: ["SIGNALBOX_CONFIG": path])
            #expect(settings.home == "/elsewhere")
        }
    }

    @Test func unknownVariableNamesTheNearest() async throws {
        let error = await #expect(throws: CommandError.self) { try await load(environment: ["SIGNALBOX_LISTE": "x"]) }
        #expect(error?.message.hasPrefix("unknown environment variable SIGNALBOX_LISTE; did you mean SIGNALBOX_LISTEN?") == true)
        #expect(error?.exitCode == .validationFailure)
    }

    @Test func unknownKeyNamesTheNearest() async throws {
        try await withFile(#"{"databaseURL": "x"}"#) { path in
            let error = await #expect(throws: CommandError.self) { try await load(environment: ["SIGNALBOX_CONFIG": path]) }
            #expect(error?.message.hasPrefix("unknown key 'databaseURL' in \(path); did you mean databaseUrl?") == true)
        }
    }

    @Test func wrongKindsNameTheirPlace() async throws {
        let variable = try await load(environment: ["SIGNALBOX_MAXIMUM_SESSIONS": "many"])
        let first = #expect(throws: CommandError.self) { try variable.integer(.maximumSessions) }
        #expect(first?.message == "SIGNALBOX_MAXIMUM_SESSIONS: expected a whole number")

        let range = try await load(flags: ["maximumSessions": ConfigValue(.int(0), isSecret: false)])
        let second = #expect(throws: CommandError.self) { try range.integer(.maximumSessions) }
        #expect(second?.message == "--maximum-sessions: 0 is not within 1 and 100000")

        let choice = try await load(flags: ["output": text("xml")])
        let third = #expect(throws: CommandError.self) { try choice.makeOutput() }
        #expect(third?.message == "--output: 'xml' is none of table, json")

        try await withFile(#"{"maximumSessions": "3"}"#) { path in
            let file = try await load(environment: ["SIGNALBOX_CONFIG": path])
            let fourth = #expect(throws: CommandError.self) { try file.integer(.maximumSessions) }
            #expect(fourth?.message == "maximumSessions in \(path): expected a whole number")
        }
        try await withFile("[1]") { path in
            let fifth = await #expect(throws: CommandError.self) { try await load(environment: ["SIGNALBOX_CONFIG": path]) }
            #expect(fifth?.message == "\(path) is not a JSON object")
        }
    }

    @Test func missingFileIsAnErrorOnlyWhenNamed() async throws {
        _ = try await load(environment: ["SIGNALBOX_HOME": "/nowhere"])
        await #expect(throws: CommandError.self) { try await load(environment: ["SIGNALBOX_CONFIG": "/nowhere/x.json"]) }
    }

    @Test func namesFollowFromTheKey() {
        #expect(Setting.databaseURL.flag == "--database-url")
        #expect(Setting.databaseURL.variable == "SIGNALBOX_DATABASE_URL")
        #expect(Set(Setting.all.map(\.key)).count == Setting.all.count)
    }

    @Test func everyFlagOfTheTableExists() {
        let commands: [any ParsableCommand.Type] = [DevCommand.self, ServeCommand.self, SuperviseCommand.self, EnvCommand.self]
        let help = commands.map { Signalbox.helpMessage(for: $0, columns: 400) }.joined()
        for setting in Setting.all where setting.hasFlag {
            #expect(help.contains(setting.flag), "no command has \(setting.flag)")
        }
    }

    @Test func databasePasswordComesFromItsFile() async throws {
        // An editor ends the line; nothing else is taken away.
        try await withFile(" se'cret\\ \n") { path in
            let settings = try await load(
                environment: [
                    "SIGNALBOX_DATABASE_URL": "postgresql://signalbox:other@db/signalbox", "SIGNALBOX_DATABASE_PASSWORD_FILE": path,
                ])
            let url = try settings.requiredDatabaseURL()
            #expect(url.hasSuffix(#"password=' se\'cret\\ '"#))
            #expect(url.contains("host='db'") && !url.contains("other"))
        }
        let missing = try await load(
            environment: ["SIGNALBOX_DATABASE_URL": "host=db", "SIGNALBOX_DATABASE_PASSWORD_FILE": "/nowhere/password"])
        let error = #expect(throws: CommandError.self) { try missing.requiredDatabaseURL() }
        #expect(error?.message == "SIGNALBOX_DATABASE_PASSWORD_FILE: can't read /nowhere/password")
        #expect(try await load(environment: ["SIGNALBOX_DATABASE_PASSWORD_FILE": "/nowhere/password"]).databaseURL() == nil)
    }

    @Test func serverUserIsANameOrANumber() async throws {
        #expect(try await load(environment: ["SIGNALBOX_SERVER_USER": "nobody"]).serverUserID() == 65534)
        #expect(try await load(environment: ["SIGNALBOX_SERVER_USER": "4711"]).serverUserID() == 4711)
        #expect(try await load(environment: ["SIGNALBOX_SERVER_USER": "\(geteuid())"]).serverUserID() == nil, "its own user")
        #expect(try await load().serverUserID() == nil)
        let unknown = try await load(environment: ["SIGNALBOX_SERVER_USER": "no-such-user"])
        let error = #expect(throws: CommandError.self) { try unknown.serverUserID() }
        #expect(error?.message == "SIGNALBOX_SERVER_USER: there is no user 'no-such-user'")
    }

    @Test func addresses() {
        #expect(ListenAddress("127.0.0.1:4747") == ListenAddress(host: "127.0.0.1", port: 4747))
        #expect(ListenAddress("[::1]:0") == ListenAddress(host: "::1", port: 0))
        #expect(ListenAddress("localhost:80")?.url == "http://localhost:80")
        #expect(ListenAddress("0.0.0.0:80")?.url == "http://127.0.0.1:80")
        #expect(ListenAddress("[::]:80")?.url == "http://[::1]:80")
        for wrong in ["", "4747", ":4747", "host:", "host:70000", "::1:80", "host:x"] { #expect(ListenAddress(wrong) == nil) }
    }

    @Test func nearest() {
        #expect(Nearest.distance("kitten", "sitting") == 3)
        #expect(Nearest.match("SIGNALBOX_XYZZY_ABCDEFGH_IJKLMN", among: ["home"]) == nil)
    }
}
