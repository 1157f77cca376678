import DockerClient
import Platform
import Sandboxing
import Server

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
        configuration.codeImage = try string(.codeImage)
        configuration.strictImageURI = try boolean(.strictImageUri) ?? false
        return configuration
    }

    /// A supervisor's configuration.
    func supervisorConfiguration(environment: [String: String]) throws -> SupervisorConfiguration {
        var configuration = SupervisorConfiguration(home: home)
        configuration.containers.environment = environment
        switch try string(.dockerHost) {
        case nil: break
        case "off": configuration.containers.host = .off
        case let address?:
            do {
                _ = try DockerEndpoint(address, certificates: DockerEndpoint.certificates(environment))
            } catch {
                throw invalid(.dockerHost, error.message)
            }
            configuration.containers.host = .at(address)
        }
        configuration.containers.runtime = try string(.containerRuntime)
        if let size = try integer(.maximumImageSize) { configuration.containers.maximumImageSize = Int64(size) << 20 }
        return configuration
    }

    /// What a supervisor that this process starts must be told: flags do not reach it by themselves.
    func supervisorArguments() throws -> [String] {
        var arguments = ["supervise", "--home", home]
        for setting in [Setting.dockerHost, .containerRuntime] {
            if let value = try string(setting) { arguments += [setting.flag, value] }
        }
        if let size = try integer(.maximumImageSize) { arguments += [Setting.maximumImageSize.flag, "\(size)"] }
        return arguments
    }

    func listenAddress() throws -> ListenAddress {
        guard let text = try string(.listen) else { return ListenAddress(host: "127.0.0.1", port: 4747) }
        guard let address = ListenAddress(text) else {
            throw invalid(.listen, "'\(text)' is not HOST:PORT, such as 127.0.0.1:4747 or [::1]:4747")
        }
        return address
    }

    /// The database of a command that has none of its own.
    func requiredDatabaseURL() throws -> String {
        guard let url = try string(.databaseURL) else {
            throw CommandError(
                usage: "no database: set \(Setting.databaseURL.variable) or give \(Setting.databaseURL.flag) "
                    + "(signalbox dev brings a private one)")
        }
        return url
    }
}
