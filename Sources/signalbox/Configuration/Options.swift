import ArgumentParser
import Configuration

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// Options that stand for settings. None has a default of its own: absence lets the environment and
/// the file speak.
protocol SettingOptions: ParsableArguments, Sendable {
    /// Values given on the command line, by setting key.
    var flags: [String: ConfigValue] { get }
}

/// Options of every command.
struct CommonOptions: SettingOptions {
    @Option(
        help: ArgumentHelp("Directory of everything Signalbox keeps on this host.", valueName: "dir"),
        completion: .directory)
    var home: String?

    @Option(help: ArgumentHelp("JSON file with settings.", valueName: "file"), completion: .file(extensions: ["json"]))
    var config: String?

    @Option(
        help: ArgumentHelp(
            "Least severe messages to log: trace, debug, info, notice, warning, error, critical.",
            valueName: "level"),
        completion: .list(["trace", "debug", "info", "notice", "warning", "error", "critical"]))
    var logLevel: String?

    @Option(
        help: ArgumentHelp("How to log: auto, text or json.", valueName: "format"),
        completion: .list(["auto", "text", "json"]))
    var logFormat: String?

    var flags: [String: ConfigValue] {
        .flags([(.home, home), (.config, config), (.logLevel, logLevel), (.logFormat, logFormat)])
    }
}

/// The database.
struct DatabaseOptions: SettingOptions {
    @Option(
        name: .customLong("database-url"),
        help: ArgumentHelp(
            "PostgreSQL connection string or URI. Prefer SIGNALBOX_DATABASE_URL when it holds a password.",
            valueName: "url"))
    var databaseURL: String?

    @Option(help: ArgumentHelp("File that holds the database's password.", valueName: "file"), completion: .file())
    var databasePasswordFile: String?

    var flags: [String: ConfigValue] {
        .flags([(.databaseURL, databaseURL), (.databasePasswordFile, databasePasswordFile)])
    }
}

/// Where server and supervisor meet.
struct SupervisorOptions: SettingOptions {
    @Option(help: ArgumentHelp("Unix socket between server and supervisor.", valueName: "path"), completion: .file())
    var supervisorSocket: String?

    var flags: [String: ConfigValue] { .flags([(.supervisorSocket, supervisorSocket)]) }
}

/// A server's own.
struct ServerOptions: SettingOptions {
    @Option(help: ArgumentHelp("Address to answer on.", valueName: "host:port"))
    var listen: String?

    @Option(help: ArgumentHelp("Sessions that may live on this host at once.", valueName: "count"))
    var maximumSessions: Int?

    @Option(help: ArgumentHelp("Seconds that an agent may take until it answers GET /ping.", valueName: "seconds"))
    var agentStartTimeout: Int?

    @Option(
        help: ArgumentHelp(
            "Seconds that invocations in flight may go on after a stop was asked for.",
            valueName: "seconds"))
    var shutdownGrace: Int?

    @Option(
        help: ArgumentHelp("Seconds in which requests are still taken after a stop was asked for, but not ready.", valueName: "seconds"))
    var drainDelay: Int?

    @Option(help: ArgumentHelp("Address to answer GET /metrics on without a signature.", valueName: "host:port"))
    var metricsListen: String?

    @Flag(inversion: .prefixedNo, help: "Write each request to the log.")
    var accessLog: Bool?

    @Option(help: ArgumentHelp("Days that the audit trail is kept, 0 for ever.", valueName: "days"))
    var auditRetention: Int?

    @Option(help: ArgumentHelp("Seconds after which the work of a silent server is another's.", valueName: "seconds"))
    var workLease: Int?

    @Option(help: ArgumentHelp("PEM file with the listener's certificate.", valueName: "file"), completion: .file())
    var tlsCertificate: String?

    @Option(help: ArgumentHelp("PEM file with the certificate's private key.", valueName: "file"), completion: .file())
    var tlsKey: String?

    @Flag(inversion: .prefixedNo, help: "Listen on other addresses than loopback without TLS, too.")
    var allowPlaintext: Bool?

    @Option(help: ArgumentHelp("Requests per second and account: InvokeAgentRuntime=200,Get*=50/100, or aws.", valueName: "rules"))
    var throttle: String?

    @Option(help: ArgumentHelp("Runtimes of an account in a region.", valueName: "count"))
    var maximumRuntimes: Int?

    @Option(help: ArgumentHelp("Versions of a runtime.", valueName: "count"))
    var maximumVersions: Int?

    @Option(help: ArgumentHelp("Endpoints of a runtime.", valueName: "count"))
    var maximumEndpoints: Int?

    @Option(help: ArgumentHelp("Live sessions of an account in a region, on all servers together.", valueName: "count"))
    var maximumAccountSessions: Int?

    @Option(help: ArgumentHelp("MiB of request bodies that may wait on disk to be verified.", valueName: "MiB"))
    var maximumSpool: Int?

    @Flag(inversion: .prefixedNo, help: "Take only images of Amazon ECR, as AWS does.")
    var strictImageUri: Bool?

    @Option(help: ArgumentHelp("Image in which code archives run, instead of the host's own programs.", valueName: "image"))
    var codeImage: String?

    @Flag(inversion: .prefixedNo, help: "For tests: let the server start with SIGNALBOX_FAILPOINTS set.")
    var allowFailpoints: Bool?

    @Option(
        help: ArgumentHelp(
            "File to write the server's URL to once it answers; removed when it stops.",
            valueName: "file"),
        completion: .file())
    var readyFile: String?

    var flags: [String: ConfigValue] {
        var flags: [String: ConfigValue] = .flags([
            (.listen, listen), (.codeImage, codeImage), (.metricsListen, metricsListen), (.tlsCertificate, tlsCertificate),
            (.tlsKey, tlsKey), (.throttle, throttle),
        ])
        let numbers: [(Setting, Int?)] = [
            (.maximumSessions, maximumSessions), (.agentStartTimeout, agentStartTimeout), (.shutdownGrace, shutdownGrace),
            (.drainDelay, drainDelay), (.auditRetention, auditRetention), (.workLease, workLease),
            (.maximumRuntimes, maximumRuntimes), (.maximumVersions, maximumVersions), (.maximumEndpoints, maximumEndpoints),
            (.maximumAccountSessions, maximumAccountSessions), (.maximumSpool, maximumSpool),
        ]
        for (setting, value) in numbers {
            if let value { flags[setting.key] = ConfigValue(.int(value), isSecret: false) }
        }
        if let accessLog { flags[Setting.accessLog.key] = ConfigValue(.bool(accessLog), isSecret: false) }
        if let strictImageUri { flags[Setting.strictImageUri.key] = ConfigValue(.bool(strictImageUri), isSecret: false) }
        if let allowPlaintext { flags[Setting.allowPlaintext.key] = ConfigValue(.bool(allowPlaintext), isSecret: false) }
        if let allowFailpoints {
            flags[Setting.allowFailpoints.key] = ConfigValue(.bool(allowFailpoints), isSecret: false)
        }
        return flags
    }
}

/// A supervisor's own; a server hands them to the one that it starts.
struct SandboxOptions: SettingOptions {
    @Option(
        help: ArgumentHelp(
            "Container engine for agents that are images: unix:///PATH, tcp://HOST:PORT, or off. Found by itself by default.",
            valueName: "address"))
    var dockerHost: String?

    @Option(help: ArgumentHelp("OCI runtime of containers, such as runsc.", valueName: "name"))
    var containerRuntime: String?

    @Option(help: ArgumentHelp("MiB that an agent's image may have, unpacked.", valueName: "MiB"))
    var maximumImageSize: Int?

    @Option(
        help: ArgumentHelp("Way out of sandboxes: auto or off.", valueName: "choice"), completion: .list(["auto", "off"]))
    var sandboxNetwork: String?

    @Option(help: ArgumentHelp("IPv4 addresses for sandboxes on this host.", valueName: "range"))
    var sandboxSubnet: String?

    @Option(help: ArgumentHelp("IPv4 addresses and ranges that sandboxes may not reach.", valueName: "list"))
    var sandboxDenied: String?

    @Option(name: .customLong("sandbox-dns"), help: ArgumentHelp("Name servers for sandboxes.", valueName: "list"))
    var sandboxDNS: String?

    var flags: [String: ConfigValue] {
        var flags: [String: ConfigValue] = .flags([
            (.dockerHost, dockerHost), (.containerRuntime, containerRuntime), (.sandboxNetwork, sandboxNetwork),
            (.sandboxSubnet, sandboxSubnet), (.sandboxDenied, sandboxDenied), (.sandboxDNS, sandboxDNS),
        ])
        if let maximumImageSize { flags[Setting.maximumImageSize.key] = ConfigValue(.int(maximumImageSize), isSecret: false) }
        return flags
    }
}

/// The container engine of a command that builds.
struct EngineOptions: SettingOptions {
    @Option(
        help: ArgumentHelp(
            "Container engine that builds: unix:///PATH or tcp://HOST:PORT. Found by itself by default.", valueName: "address"))
    var dockerHost: String?

    var flags: [String: ConfigValue] { .flags([(.dockerHost, dockerHost)]) }
}

/// Of a supervisor whose server is another user.
struct ServerUserOptions: SettingOptions {
    @Option(
        help: ArgumentHelp("Name or id of the user that the server runs as, when that is another.", valueName: "user"))
    var serverUser: String?

    var flags: [String: ConfigValue] { .flags([(.serverUser, serverUser)]) }
}

/// How results are printed.
struct OutputOptions: SettingOptions {
    @Option(
        name: .shortAndLong, help: ArgumentHelp("What to print: table or json.", valueName: "format"),
        completion: .list(["table", "json"]))
    var output: String?

    var flags: [String: ConfigValue] { .flags([(.output, output)]) }
}

extension [String: ConfigValue] {
    fileprivate static func flags(_ values: [(Setting, String?)]) -> Self {
        var flags: Self = [:]
        for (setting, value) in values {
            if let value { flags[setting.key] = ConfigValue(.string(value), isSecret: setting.isSecret) }
        }
        return flags
    }
}

extension SettingsReader {
    /// Settings of this process: the options given, its environment, its file.
    static func load(_ options: any SettingOptions...) async throws -> Self {
        let flags = options.map(\.flags).reduce(into: [:]) { all, some in all.merge(some) { first, _ in first } }
        return try await load(flags: flags, environment: ProcessInfo.processInfo.environment, isRoot: geteuid() == 0)
    }
}
