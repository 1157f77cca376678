import DockerClient
import PostgresClient
import Sandboxing

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

extension SettingsReader {
    /// - Parameter environment: where a container engine and the credentials of registries are looked for.
    func supervisorConfiguration(environment: [String: String]) throws -> SupervisorConfiguration {
        SupervisorConfiguration(
            home: home, socket: try string(.supervisorSocket), clientUserID: try serverUserID(), wayOut: try wayOut(),
            containers: try containers(environment: environment))
    }

    private func containers(environment: [String: String]) throws -> ContainerSettings {
        var settings = ContainerSettings(runtime: try string(.containerRuntime), environment: environment)
        switch try string(.dockerHost) {
        case nil: break
        case "off": settings.host = .off
        case let address?:
            do {
                _ = try DockerEndpoint(address, certificates: DockerEndpoint.certificates(environment))
            } catch {
                throw invalid(.dockerHost, error.message)
            }
            settings.host = .at(address)
        }
        if let size = try integer(.maximumImageSize) { settings.maximumImageSize = Int64(size) << 20 }
        return settings
    }

    /// What a supervisor gives sandboxes as their way out.
    func wayOut() throws -> WayOutConfiguration {
        var configuration = WayOutConfiguration(isOn: try string(.sandboxNetwork) != "off")
        if let text = try string(.sandboxSubnet) {
            // One for the gateway, one for a sandbox, and two that are nobody's, are the least.
            guard let subnet = IPv4Range(text), (8...29).contains(subnet.length) else {
                throw invalid(.sandboxSubnet, "'\(text)' is not a range of IPv4 addresses of length 8 to 29, such as 198.19.0.0/17")
            }
            configuration.subnet = subnet
        }
        configuration.denied = try list(.sandboxDenied).map { text in
            guard let range = IPv4Range(text) else {
                throw invalid(.sandboxDenied, "'\(text)' is not an IPv4 address or range, such as 10.0.0.0/8")
            }
            return range
        }
        configuration.nameServers = try list(.sandboxDNS)
        if let wrong = configuration.nameServers.first(where: { !WayOutConfiguration.isNameServer($0) }) {
            throw invalid(.sandboxDNS, "'\(wrong)' is not an address")
        }
        return configuration
    }

    /// The command line of the supervisor that a server starts: it sees the same environment, but neither the flags nor
    /// the file that the server was given.
    func supervisorArguments(databaseURL: String, environment: [String: String]) throws -> [String] {
        // Refused here, where somebody sees it.
        _ = try supervisorConfiguration(environment: environment)
        var arguments = ["supervise", "--home", home]
        if let size = try integer(.maximumImageSize) { arguments += [Setting.maximumImageSize.flag, "\(size)"] }
        for setting in [Setting.dockerHost, .containerRuntime, .sandboxNetwork, .sandboxSubnet, .sandboxDNS] {
            if let value = try string(setting) { arguments += [setting.flag, value] }
        }
        let denied = try list(.sandboxDenied) + Self.addresses(of: PostgresConfiguration.hosts(in: databaseURL))
        if !denied.isEmpty { arguments += [Setting.sandboxDenied.flag, denied.joined(separator: ",")] }
        return arguments
    }

    private func list(_ setting: Setting) throws -> [String] {
        try string(setting)?.split { $0 == "," || $0 == " " }.map(String.init) ?? []
    }

    /// All of IPv4; sandboxes have no other. Blocks; the database has just been reached by the same names.
    private static func addresses(of hosts: [String]) -> [String] {
        var result: Set<IPv4Address> = []
        for host in hosts {
            var hints = addrinfo()
            hints.ai_family = AF_INET
            hints.ai_socktype = CInt(SOCK_STREAM.rawValue)
            var list: UnsafeMutablePointer<addrinfo>?
            guard getaddrinfo(host, nil, &hints, &list) == 0 else { continue }
            defer { freeaddrinfo(list) }
            var entry = list
            while let current = entry {
                entry = current.pointee.ai_next
                current.pointee.ai_addr?.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { address in
                    _ = result.insert(IPv4Address(UInt32(bigEndian: address.pointee.sin_addr.s_addr)))
                }
            }
        }
        return result.sorted().map(\.description)
    }
}
