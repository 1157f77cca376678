import Access
import Configuration
import Testing

@testable import signalbox

/// What a server is told, and what is refused before it starts.
struct ServerSettingsTests {
    private func settings(_ environment: [String: String]) async throws -> SettingsReader {
        try await SettingsReader.load(flags: [:], environment: ["HOME": "/nowhere"].merging(environment) { $1 }, isRoot: false)
    }

    private func complaint(_ environment: [String: String]) async throws -> String? {
        let settings = try await settings(environment)
        do {
            _ = try settings.serverConfiguration(databaseURL: "")
        } catch let error as CommandError {
            return error.message
        }
        return nil
    }

    @Test func plaintextStaysOnTheHostUnlessAllowed() async throws {
        for listen in ["127.0.0.1:80", "localhost:80", "[::1]:80", "127.8.8.8:80"] {
            #expect(try await complaint(["SIGNALBOX_LISTEN": listen]) == nil, "\(listen)")
        }
        for listen in ["0.0.0.0:80", "[::]:80", "192.0.2.1:80", "example.com:80"] {
            #expect(try await complaint(["SIGNALBOX_LISTEN": listen])?.contains("--allow-plaintext") == true, "\(listen)")
            #expect(try await complaint(["SIGNALBOX_LISTEN": listen, "SIGNALBOX_ALLOW_PLAINTEXT": "true"]) == nil)
            #expect(try await complaint(["SIGNALBOX_LISTEN": listen, "SIGNALBOX_TLS_CERTIFICATE": "c", "SIGNALBOX_TLS_KEY": "k"]) == nil)
        }
        #expect(try await complaint(["SIGNALBOX_TLS_CERTIFICATE": "c"])?.contains("--tls-key") == true)
        #expect(try await complaint(["SIGNALBOX_TLS_KEY": "k"])?.contains("--tls-certificate") == true)
    }

    @Test func limits() async throws {
        let plain = try await settings([:]).serverConfiguration(databaseURL: "")
        #expect(plain.throttle.isEmpty && plain.maximumAccountSessions == nil && plain.maximumSpool == nil)
        #expect(plain.quotas.runtimes == 1000 && plain.quotas.versions == 1000 && plain.quotas.endpoints == 100)
        let set = try await settings([
            "SIGNALBOX_THROTTLE": "aws, GetAgentRuntime=7/9", "SIGNALBOX_MAXIMUM_RUNTIMES": "2", "SIGNALBOX_MAXIMUM_VERSIONS": "3",
            "SIGNALBOX_MAXIMUM_ENDPOINTS": "4", "SIGNALBOX_MAXIMUM_ACCOUNT_SESSIONS": "5", "SIGNALBOX_MAXIMUM_SPOOL": "6",
        ]).serverConfiguration(databaseURL: "")
        #expect(set.throttle == ThrottleRule.aws + [ThrottleRule(pattern: "GetAgentRuntime", rate: 7, burst: 9)])
        #expect(set.quotas.runtimes == 2 && set.quotas.versions == 3 && set.quotas.endpoints == 4)
        #expect(set.maximumAccountSessions == 5 && set.maximumSpool == 6 << 20)
        #expect(try await complaint(["SIGNALBOX_THROTTLE": "Gett=1"])?.contains("there is no operation 'Gett'") == true)
    }

    @Test func lengthsOfTime() {
        for (text, seconds) in [("90s", 90), ("15m", 900), ("24h", 86_400), ("7d", 604_800), ("60", 60), ("0", 0)] {
            #expect(Lifetime(argument: text)?.seconds == seconds)
        }
        for wrong in ["", "h", "1w", "-1", "1.5h", "1 h", "9999999999"] { #expect(Lifetime(argument: wrong) == nil, "\(wrong)") }
    }
}
