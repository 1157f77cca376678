import Client

/// Finds the Signalbox that a client command is meant for.
///
/// An explicit `--home` wins; then the AWS variables that `signalbox env` prints, if they name an
/// endpoint; then the server that runs on the default home. AWS keys without an endpoint are somebody's
/// real ones and are never sent anywhere.
enum ConnectionSource {
    static func find(
        home: HomeDirectory, isHomeGiven: Bool, environment: [String: String]
    ) throws -> Connection {
        func variable(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }
        let general = variable("AWS_ENDPOINT_URL")
        if !isHomeGiven, let control = variable("AWS_ENDPOINT_URL_BEDROCK_AGENTCORE_CONTROL") ?? general {
            guard let id = variable("AWS_ACCESS_KEY_ID"), let secret = variable("AWS_SECRET_ACCESS_KEY") else {
                throw CommandError(
                    "an AWS endpoint is set but AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not; "
                        + #"try: eval "$(signalbox env)""#)
            }
            let key = try? DevelopmentKey.read(home)
            var connection = Connection(
                controlPlane: control, dataPlane: variable("AWS_ENDPOINT_URL_BEDROCK_AGENTCORE") ?? general ?? control,
                objects: variable("AWS_ENDPOINT_URL_S3") ?? control.dropSlash + "/_s3",
                region: variable("AWS_REGION") ?? variable("AWS_DEFAULT_REGION") ?? "us-east-1",
                credential: Credential(
                    accessKeyID: id, secretAccessKey: secret, sessionToken: variable("AWS_SESSION_TOKEN")),
                account: variable("AWS_ACCOUNT_ID") ?? (key?.accessKeyId == id ? key?.account : nil))
            if let bundle = variable("AWS_CA_BUNDLE") { connection.trust = .authorities(bundle) }
            return connection
        }
        guard let server = RunningServer.find(home) else {
            throw CommandError(
                "no Signalbox runs on \(home.path); start one with 'signalbox dev', or name the home of another with --home")
        }
        guard let key = try DevelopmentKey.read(home) else {
            throw CommandError(
                "\(home.developmentKey) holds no access key; set AWS_ENDPOINT_URL=\(server.url), AWS_ACCESS_KEY_ID and "
                    + "AWS_SECRET_ACCESS_KEY")
        }
        var connection = Connection(
            url: server.url, region: key.region,
            credential: Credential(accessKeyID: key.accessKeyId, secretAccessKey: key.secretAccessKey), account: key.account)
        connection.trust = .ownServer
        return connection
    }
}

extension String {
    fileprivate var dropSlash: String { hasSuffix("/") ? String(dropLast()) : self }
}
