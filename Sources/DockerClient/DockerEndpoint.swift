/// Where a container engine answers, in the notation of `DOCKER_HOST`.
public struct DockerEndpoint: Sendable, Equatable, CustomStringConvertible {
    public enum Address: Sendable, Equatable {
        /// `unix:///run/docker.sock`
        case unix(path: String)
        /// `tcp://host:2376`, with TLS unless the host is a loopback address.
        case tcp(host: String, port: Int)
    }

    public var address: Address
    /// Directory with `ca.pem`, `cert.pem` and `key.pem`, as Docker's own client reads it. `nil`: no TLS.
    public var certificates: String?

    public init(unix path: String) { address = .unix(path: path) }

    /// Throws ``DockerError/invalidEndpoint(_:)``.
    public init(_ text: String, certificates: String? = nil) throws(DockerError) {
        if text.hasPrefix("/") {
            address = .unix(path: text)
        } else if text.hasPrefix("unix://") {
            let path = String(text.dropFirst("unix://".count))
            guard path.hasPrefix("/") else { throw .invalidEndpoint("'\(text)' names no absolute path") }
            address = .unix(path: path)
        } else if let scheme = ["tcp://", "https://", "http://"].first(where: text.hasPrefix) {
            address = try Self.tcp(text.dropFirst(scheme.count), whole: text)
            self.certificates = certificates
            if scheme == "https://", certificates == nil {
                throw .invalidEndpoint("'\(text)' wants TLS: name the directory of ca.pem, cert.pem and key.pem (DOCKER_CERT_PATH)")
            }
            // Whoever may talk to a container engine is root on its host.
            if certificates == nil, case .tcp(let host, _) = address, !["127.0.0.1", "::1", "localhost"].contains(host) {
                throw .invalidEndpoint("'\(text)' without TLS: only a loopback address may be used in the clear (DOCKER_CERT_PATH)")
            }
        } else {
            throw .invalidEndpoint("'\(text)' is neither unix:///path nor tcp://host:port")
        }
    }

    private static func tcp(_ text: Substring, whole: String) throws(DockerError) -> Address {
        var rest = text.hasSuffix("/") ? text.dropLast() : text
        var host: Substring
        if rest.hasPrefix("["), let end = rest.firstIndex(of: "]") {
            host = rest[rest.index(after: rest.startIndex)..<end]
            rest = rest[rest.index(after: end)...]
        } else {
            host = rest.prefix { $0 != ":" }
            rest = rest[host.endIndex...]
        }
        guard !host.isEmpty, rest.hasPrefix(":"), let port = UInt16(rest.dropFirst()), port > 0 else {
            throw .invalidEndpoint("'\(whole)' is not tcp://HOST:PORT")
        }
        return .tcp(host: String(host), port: Int(port))
    }

    /// Base of all paths, as AsyncHTTPClient wants it.
    var baseURL: String {
        switch address {
        case .unix(let path):
            // The socket's path is the host of the URL, every reserved character encoded.
            return "http+unix://" + percentEncoded(path)
        case .tcp(let host, let port):
            return "\(certificates == nil ? "http" : "https")://\(host.contains(":") ? "[\(host)]" : host):\(port)"
        }
    }

    public var description: String {
        switch address {
        case .unix(let path): "unix://\(path)"
        case .tcp(let host, let port): "tcp://\(host.contains(":") ? "[\(host)]" : host):\(port)"
        }
    }
}

/// With all but the unreserved characters encoded (RFC 3986, 2.3).
func percentEncoded(_ text: String) -> String {
    var encoded = ""
    for byte in text.utf8 {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
            UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"):
            encoded.unicodeScalars.append(Unicode.Scalar(byte))
        default:
            encoded += byte < 16 ? "%0" : "%"
            encoded += String(byte, radix: 16, uppercase: true)
        }
    }
    return encoded
}
