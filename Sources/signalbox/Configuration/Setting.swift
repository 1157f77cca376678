/// One thing that can be configured, as data: the reader, `signalbox help configuration` and
/// docs/configuration.md are all made from the same table (`Setting.all`).
struct Setting: Sendable {
    enum Kind: Sendable, Equatable {
        case text
        /// Whole number within the range.
        case integer(ClosedRange<Int>)
        case boolean
        case choice([String])
    }

    /// Name in the file, camel case. Flag and variable follow from it.
    let key: String
    let kind: Kind
    /// What applies when nobody says anything, as a person would write it.
    let fallback: String
    /// One sentence or two.
    let meaning: String
    /// Never shown, never logged.
    var isSecret = false
    var hasFlag = true
    var isInFile = true

    /// `--database-url`.
    var flag: String { "--" + words.joined(separator: "-") }
    /// `SIGNALBOX_DATABASE_URL`.
    var variable: String { "SIGNALBOX_" + words.joined(separator: "_").uppercased() }

    private var words: [String] {
        var words = [""]
        for character in key {
            if character.isUppercase { words.append("") }
            words[words.count - 1] += character.lowercased()
        }
        return words
    }
}

extension Setting {
    static let config = Setting(
        key: "config", kind: .text, fallback: "HOME/config.json, if it exists",
        meaning: "JSON file with settings, one member per key of this table.", isInFile: false)
    static let home = Setting(
        key: "home", kind: .text, fallback: "/var/lib/signalbox for root, else ~/.signalbox",
        meaning: "Directory of everything Signalbox keeps on this host: the private PostgreSQL, unpacked bundles, "
            + "sandboxes, keys. A file found inside the home may not move it.")
    static let listen = Setting(
        key: "listen", kind: .text, fallback: "127.0.0.1:4747",
        meaning: "HOST:PORT to answer on. Port 0 lets the system choose; `signalbox env` prints the choice.")
    static let databaseURL = Setting(
        key: "databaseUrl", kind: .text, fallback: "none; dev: a private PostgreSQL in the home",
        meaning: "PostgreSQL connection string, as libpq reads it: postgresql://user@host/name or key=value pairs. "
            + "Give it by environment or file when it holds a password: other users can see flags.", isSecret: true)
    static let databasePasswordFile = Setting(
        key: "databasePasswordFile", kind: .text, fallback: "none",
        meaning: "File that holds the database's password and nothing else, as Docker, Kubernetes and systemd hand secrets "
            + "over. It goes before a password in databaseUrl.")
    static let supervisorSocket = Setting(
        key: "supervisorSocket", kind: .text, fallback: "HOME/supervisor.sock",
        meaning: "Unix socket between server and supervisor, when they have different homes. A server that is given one "
            + "starts no supervisor, but waits for it. Not for dev.")
    static let serverUser = Setting(
        key: "serverUser", kind: .text, fallback: "none: the supervisor's own user",
        meaning: "For the supervisor: name or id of the user that the server runs as, when that is another. Only "
            + "that user may connect, and bundles must belong to it.")
    static let maximumSessions = Setting(
        key: "maximumSessions", kind: .integer(1...100_000), fallback: "100",
        meaning: "Sessions that may live on this host at once. The next one gets a 402.")
    static let agentStartTimeout = Setting(
        key: "agentStartTimeout", kind: .integer(1...3600), fallback: "120",
        meaning: "Seconds that an agent may take until it answers GET /ping.")
    static let shutdownGrace = Setting(
        key: "shutdownGrace", kind: .integer(0...3600), fallback: "30",
        meaning: "Seconds that invocations in flight may go on after SIGTERM or Ctrl-C. Then they are cut.")
    static let drainDelay = Setting(
        key: "drainDelay", kind: .integer(0...3600), fallback: "0",
        meaning: "Seconds after SIGTERM in which requests are still taken while GET /readyz says 503 already. Behind a load "
            + "balancer: a little longer than it takes to notice. --shutdown-grace begins after it.")
    static let metricsListen = Setting(
        key: "metricsListen", kind: .text, fallback: "none",
        meaning: "HOST:PORT to answer GET /metrics on without a signature, for a scraper. Whoever reaches it may read them.")
    static let accessLog = Setting(
        key: "accessLog", kind: .boolean, fallback: "false",
        meaning: "Writes one message of level info for each request, whatever logLevel is.")
    static let auditRetention = Setting(
        key: "auditRetention", kind: .integer(0...36_500), fallback: "365",
        meaning: "Days that the audit trail is kept, 0 for ever. With several replicas the shortest time counts.")
    static let workLease = Setting(
        key: "workLease", kind: .integer(1...3600), fallback: "30",
        meaning: "Seconds after which the work of a server that fell silent is another's. One that starts again goes on at once.")
    static let tlsCertificate = Setting(
        key: "tlsCertificate", kind: .text, fallback: "none: plain HTTP",
        meaning: "PEM file with the listener's certificate, then those between it and its authority. A changed file is read "
            + "within seconds, and on SIGHUP; connections that are open go on.")
    static let tlsKey = Setting(
        key: "tlsKey", kind: .text, fallback: "none", meaning: "PEM file with the certificate's private key.")
    static let allowPlaintext = Setting(
        key: "allowPlaintext", kind: .boolean, fallback: "false",
        meaning: "Lets a server without TLS listen on other addresses than loopback: behind a proxy, or in a container whose "
            + "port is published on loopback.")
    static let throttle = Setting(
        key: "throttle", kind: .text, fallback: "none",
        meaning: "Requests per second and account, as OPERATION=RATE or OPERATION=RATE/BURST, separated by commas: "
            + "InvokeAgentRuntime=200,PutObject=20,Get*=50/100. aws stands for the services' own numbers. One more gets a 429, or "
            + "SlowDown for objects. Every server counts for itself.")
    static let maximumRuntimes = Setting(
        key: "maximumRuntimes", kind: .integer(1...1_000_000), fallback: "1000",
        meaning: "Runtimes of an account in a region. The next one gets a 402, here and below.")
    static let maximumVersions = Setting(
        key: "maximumVersions", kind: .integer(1...99_999), fallback: "1000", meaning: "Versions of a runtime.")
    static let maximumEndpoints = Setting(
        key: "maximumEndpoints", kind: .integer(1...100_000), fallback: "100", meaning: "Endpoints of a runtime, DEFAULT included.")
    static let maximumAccountSessions = Setting(
        key: "maximumAccountSessions", kind: .integer(1...1_000_000), fallback: "none",
        meaning: "Live sessions of an account in a region, on all servers together.")
    static let maximumSpool = Setting(
        key: "maximumSpool", kind: .integer(1...1_000_000), fallback: "8192",
        meaning: "MiB of request bodies that may wait in the home until they are verified, all together. Beyond, requests get "
            + "a 503. Bodies of up to 64 KiB wait in memory.")
    static let dockerHost = Setting(
        key: "dockerHost", kind: .text, fallback: "DOCKER_HOST, or the socket of Docker or Podman that answers",
        meaning: "Container engine for agents that are images: unix:///PATH, tcp://HOST:PORT (TLS by DOCKER_CERT_PATH), or off.")
    static let containerRuntime = Setting(
        key: "containerRuntime", kind: .text, fallback: "the engine's own",
        meaning: "OCI runtime of containers, such as runsc, as the container engine knows it.")
    static let maximumImageSize = Setting(
        key: "maximumImageSize", kind: .integer(1...1_000_000), fallback: "2048",
        meaning: "MiB that an agent's image may have, unpacked.")
    static let strictImageUri = Setting(
        key: "strictImageUri", kind: .boolean, fallback: "false",
        meaning: "Takes only images of Amazon ECR, by AWS's own pattern. Otherwise any image reference is taken.")
    static let codeImage = Setting(
        key: "codeImage", kind: .text, fallback: "none: the host's own programs",
        meaning: "Image in which code archives run, in containers, with the interpreters that are in it.")
    static let sandboxNetwork = Setting(
        key: "sandboxNetwork", kind: .choice(["auto", "off"]), fallback: "auto",
        meaning: "Way out of sandboxes whose networkMode is PUBLIC. auto: to the world, but not to this host or beside it, "
            + "where the supervisor is root and nftables is installed; off: none. This setting and the next three are the "
            + "supervisor's, and take effect when it starts.")
    static let sandboxSubnet = Setting(
        key: "sandboxSubnet", kind: .text, fallback: "198.19.0.0/17",
        meaning: "IPv4 addresses for sandboxes on this host, seen by nobody else. Choose others if the host's networks use these.")
    static let sandboxDenied = Setting(
        key: "sandboxDenied", kind: .text, fallback: "none",
        meaning: "IPv4 addresses and ranges, separated by commas, that sandboxes may not reach besides those they never may: "
            + "10.0.0.0/8,192.0.2.7. The database's addresses are added.")
    static let sandboxDNS = Setting(
        key: "sandboxDns", kind: .text, fallback: "the host's",
        meaning: "Name servers for sandboxes, separated by commas. Those that sandboxes can't reach, such as the host's own, are "
            + "asked by the supervisor.")
    static let logLevel = Setting(
        key: "logLevel", kind: .choice(["trace", "debug", "info", "notice", "warning", "error", "critical"]),
        fallback: "notice", meaning: "The least severe messages that are logged, to standard error.")
    static let logFormat = Setting(
        key: "logFormat", kind: .choice(["auto", "text", "json"]), fallback: "auto",
        meaning: "auto is text on a terminal, otherwise one JSON object per line.")
    static let output = Setting(
        key: "output", kind: .choice(["table", "json"]), fallback: "table",
        meaning: "What commands print: tables for people, or JSON for scripts.")
    static let allowFailpoints = Setting(
        key: "allowFailpoints", kind: .boolean, fallback: "false",
        meaning: "For tests alone: lets a server start with SIGNALBOX_FAILPOINTS set.")
    static let failpoints = Setting(
        key: "failpoints", kind: .text, fallback: "none",
        meaning: "For tests alone: places where the server dies, fails or stalls, as name=kill|error|stall:SECONDS[@HIT], "
            + "separated by semicolons; directory=PATH takes them from files while it runs.", hasFlag: false, isInFile: false)

    /// The table.
    static let all: [Setting] = [
        config, home, listen, databaseURL, databasePasswordFile, supervisorSocket, serverUser, maximumSessions,
        agentStartTimeout, shutdownGrace, drainDelay, workLease, tlsCertificate, tlsKey, allowPlaintext, throttle, maximumRuntimes,
        maximumVersions, maximumEndpoints, maximumAccountSessions, maximumSpool, metricsListen, accessLog, auditRetention, dockerHost,
        containerRuntime, maximumImageSize, strictImageUri, codeImage,
        sandboxNetwork, sandboxSubnet, sandboxDenied, sandboxDNS, logLevel, logFormat, output, allowFailpoints, failpoints,
    ]
}
