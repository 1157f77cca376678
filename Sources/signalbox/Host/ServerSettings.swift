import Access
import Platform
import PostgresClient
import Server

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

extension SettingsReader {
    /// A server's configuration. Refuses failpoints that were not allowed, and switches allowed ones on.
    func serverConfiguration(databaseURL: String) throws -> ServerConfiguration {
        let listen = try listenAddress()
        let allowsFailpoints = try boolean(.allowFailpoints) ?? false
        if let failpoints = try string(.failpoints) {
            guard allowsFailpoints else {
                throw invalid(.failpoints, "this is for tests alone; unset it, or start with \(Setting.allowFailpoints.flag)")
            }
            do {
                try Failpoint.configure(failpoints)
            } catch let error as SignalboxError {
                throw invalid(.failpoints, error.message)
            }
        }
        var configuration = ServerConfiguration(
            listenHost: listen.host, listenPort: listen.port, databaseURL: databaseURL, home: home,
            allowFailpoints: allowsFailpoints)
        if let value = try integer(.maximumSessions) { configuration.maximumSessions = value }
        if let value = try integer(.agentStartTimeout) { configuration.agentStartTimeout = .seconds(value) }
        if let value = try integer(.shutdownGrace) { configuration.shutdownGrace = .seconds(value) }
        if let value = try integer(.drainDelay) { configuration.drainDelay = .seconds(value) }
        if let value = try integer(.auditRetention) { configuration.auditRetention = value == 0 ? nil : .seconds(value * 86_400) }
        configuration.accessLog = try boolean(.accessLog) ?? false
        configuration.metricsListener = try address(.metricsListen).map { ($0.host, $0.port) }
        if let value = try integer(.workLease) { configuration.workLease = .seconds(value) }
        configuration.codeImage = try string(.codeImage)
        configuration.strictImageURI = try boolean(.strictImageUri) ?? false
        if let value = try integer(.maximumRuntimes) { configuration.quotas.runtimes = value }
        if let value = try integer(.maximumVersions) { configuration.quotas.versions = value }
        if let value = try integer(.maximumEndpoints) { configuration.quotas.endpoints = value }
        configuration.maximumAccountSessions = try integer(.maximumAccountSessions)
        configuration.maximumSpool = try integer(.maximumSpool).map { $0 << 20 }
        try readTLS(listen, into: &configuration)
        if let text = try string(.throttle), text != "none" {
            do throws(ThrottleRuleError) {
                configuration.throttle = try ThrottleRule.parse(text)
            } catch {
                throw invalid(.throttle, error.message)
            }
        }
        return configuration
    }

    private func readTLS(_ listen: ListenAddress, into configuration: inout ServerConfiguration) throws {
        configuration.tlsCertificate = try string(.tlsCertificate)
        configuration.tlsKey = try string(.tlsKey)
        switch (configuration.tlsCertificate, configuration.tlsKey) {
        case (.some, nil): throw invalid(.tlsCertificate, "needs \(Setting.tlsKey.flag), too")
        case (nil, .some): throw invalid(.tlsKey, "needs \(Setting.tlsCertificate.flag), too")
        case (.some, .some): return
        case (nil, nil): break
        }
        guard !listen.isLoopback, try boolean(.allowPlaintext) != true else { return }
        throw invalid(
            .listen,
            "others could read and change what passes: give \(Setting.tlsCertificate.flag) and \(Setting.tlsKey.flag), or "
                + "\(Setting.allowPlaintext.flag) if a proxy with TLS stands before it")
    }

    func listenAddress() throws -> ListenAddress {
        try address(.listen) ?? ListenAddress(host: "127.0.0.1", port: 4747)
    }

    private func address(_ setting: Setting) throws -> ListenAddress? {
        guard let text = try string(setting) else { return nil }
        guard let address = ListenAddress(text) else {
            throw invalid(setting, "'\(text)' is not HOST:PORT, such as 127.0.0.1:4747 or [::1]:4747")
        }
        return address
    }

    /// The database's connection string, with the password from its file.
    func databaseURL() throws -> String? {
        guard let url = try string(.databaseURL) else { return nil }
        guard let file = try string(.databasePasswordFile) else { return url }
        guard let text = try? String(contentsOfFile: file, encoding: .utf8) else {
            throw invalid(.databasePasswordFile, "can't read \(file)")
        }
        // An editor's line end is not part of it.
        let password = text.hasSuffix("\r\n") ? text.dropLast(1) : text.hasSuffix("\n") ? text.dropLast(1) : text[...]
        do {
            return try PostgresConfiguration.connectionString(url, password: String(password))
        } catch let error as PostgresError {
            throw invalid(.databaseURL, "\(error.message)")
        }
    }

    /// The database of a command that has none of its own.
    func requiredDatabaseURL() throws -> String {
        guard let url = try databaseURL() else {
            throw CommandError(
                usage: "no database: set \(Setting.databaseURL.variable) or give \(Setting.databaseURL.flag) "
                    + "(signalbox dev brings a private one)")
        }
        return url
    }
}
