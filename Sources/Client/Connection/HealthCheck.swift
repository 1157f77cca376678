import AsyncHTTPClient
import NIOCore

/// Asks a server how it is, unsigned.
public enum HealthCheck {
    /// The server's certificate isn't looked at: nothing secret is sent, and it may be made for another name.
    ///
    /// nil when `GET url/path` answers 200 within `timeout`, else what happened instead, for people.
    public static func failure(url: String, path: String, timeout: Duration) async -> String? {
        var configuration = HTTPClient.Configuration()
        configuration.tlsConfiguration = try? Connection.Trust.ownServer.configuration()
        let http = HTTPClient(eventLoopGroup: HTTPClient.defaultEventLoopGroup, configuration: configuration)
        let failure: String?
        do {
            let response = try await http.execute(
                HTTPClientRequest(url: url + path), timeout: .nanoseconds(timeout.nanoseconds))
            failure = response.status == .ok ? nil : "\(url)\(path) answered \(response.status.code)"
        } catch let error as HTTPClientError {
            failure = "\(url) does not answer: \(error.shortDescription)"
        } catch {
            failure = "\(url) does not answer: \(error)"
        }
        try? await http.shutdown()
        return failure
    }
}
