public import AgentCoreModel
import AsyncHTTPClient
import NIOCore

/// Asks a server how it is, unsigned.
public enum HealthCheck {
    /// What a server says of itself.
    public struct Answer: Sendable {
        /// What was wrong, for people; nil: it answered 200.
        public var failure: String?
        /// The JSON document that came with it, as that of `/readyz`; nil when there was none.
        public var document: JSONValue?
    }

    private struct TimeIsUp: Error, CustomStringConvertible {
        var description: String { "it took too long" }
    }

    /// Bytes; longer than any such document.
    private static let maximumDocument = 64 << 10

    /// The server's certificate isn't looked at: nothing secret is sent, and it may be made for another name.
    ///
    /// Has its answer, or why there is none, within `timeout`.
    public static func ask(url: String, path: String, timeout: Duration) async -> Answer {
        var configuration = HTTPClient.Configuration()
        configuration.tlsConfiguration = try? Connection.Trust.ownServer.configuration()
        let http = HTTPClient(eventLoopGroup: HTTPClient.defaultEventLoopGroup, configuration: configuration)
        let answer: Answer
        do {
            answer = try await withThrowingTaskGroup(of: Answer.self) { group in
                group.addTask { try await get(http, url, path, timeout) }
                // The client's own limit ends with the head of an answer.
                group.addTask {
                    try await Task.sleep(for: timeout)
                    throw TimeIsUp()
                }
                defer { group.cancelAll() }
                guard let first = try await group.next() else { throw TimeIsUp() }
                return first
            }
        } catch let error as HTTPClientError {
            answer = Answer(failure: "\(url) does not answer: \(error.shortDescription)")
        } catch {
            answer = Answer(failure: "\(url) does not answer: \(error)")
        }
        try? await http.shutdown()
        return answer
    }

    private static func get(_ http: HTTPClient, _ url: String, _ path: String, _ timeout: Duration) async throws -> Answer {
        let response = try await http.execute(HTTPClientRequest(url: url + path), timeout: .nanoseconds(timeout.nanoseconds))
        let body = try await response.body.collect(upTo: maximumDocument)
        return Answer(
            failure: response.status == .ok ? nil : "\(url)\(path) answered \(response.status.code)",
            document: try? JSONValue(parsing: Array(buffer: body)))
    }
}
