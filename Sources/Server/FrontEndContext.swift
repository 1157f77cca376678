import AgentCoreModel
public import Hummingbird
import NIOHTTP1
import SigV4

extension FrontEndRequest: RequestContextSource {}

/// A route's context, with the request's head as it came on the wire.
public struct FrontEndContext: RequestContext {
    public typealias Source = FrontEndRequest

    public var coreContext: CoreRequestContextStorage
    public let front: FrontEndRequest

    public init(source: FrontEndRequest) {
        coreContext = CoreRequestContextStorage(source: source)
        front = source
    }
}

extension FrontEndRequest {
    /// The target before the question mark, as on the wire.
    var rawPath: Substring { head.uri.prefix { $0 != "?" } }

    /// The target after the question mark; empty when there is none.
    var rawQuery: Substring { head.uri.dropFirst(rawPath.count + 1) }

    var headers: [(String, String)] { head.headers.map { ($0.name, $0.value) } }

    /// What the caller signed.
    var signed: SigV4Request {
        SigV4Request(method: head.method.rawValue, rawPath: String(rawPath), rawQuery: String(rawQuery), headers: headers)
    }

    /// Whether the path is `prefix` or below it.
    func isBelow(_ prefix: String) -> Bool { rawPath == prefix || rawPath.hasPrefix(prefix + "/") }
}
