import Testing

@testable import SigV4

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// Requests that botocore signed; see Vectors/generate.py.
struct SignedVector: Decodable, Sendable, CustomTestStringConvertible {
    var name: String
    var service: String
    var region: String
    var time: String
    var accessKeyID: String
    var secret: String
    var method: String
    var rawPath: String
    var rawQuery: String
    var headers: [[String]]
    var payloadHash: String
    /// Base64.
    var body: String
    var canonicalRequest: String

    var testDescription: String { name }

    var request: SigV4Request {
        SigV4Request(method: method, rawPath: rawPath, rawQuery: rawQuery, headers: headers.map { ($0[0], $0[1]) })
    }
    var bytes: [UInt8] { Array(Data(base64Encoded: body) ?? Data()) }
    var date: Date { Date(timeIntervalSince1970: Double(SignatureTime(time)?.seconds ?? 0)) }

    static let all: [SignedVector] = load("signed-requests.json")

    static func named(_ name: String) throws -> SignedVector { try #require(all.first { $0.name == name }) }

    /// Verifies a request that may have been changed, with this vector's key and clock.
    @discardableResult
    func verify(
        _ request: SigV4Request, secret: String? = nil, payloadHash: String? = nil, service: String? = nil, after: Double = 0
    ) throws -> VerifiedSignature {
        let authorization = try AuthorizationHeader(request)
        let key = SigningKey(secret: secret ?? self.secret, scope: authorization.scope)
        return try SignatureVerifier.verify(
            request, authorization, service: service ?? self.service, payloadHash: payloadHash ?? self.payloadHash, key: key,
            now: date.addingTimeInterval(after))
    }
}

struct ChunkedVector: Decodable, Sendable, CustomTestStringConvertible {
    var name: String
    var variant: String
    var time: String
    var seed: String
    var region: String
    var secret: String
    var trailer: String?
    var decodedLength: Int64
    var decodedSHA256: String
    var encoded: [Run]

    struct Run: Decodable, Sendable {
        var text: String
        var times: Int
        init(from decoder: any Decoder) throws {
            var container = try decoder.unkeyedContainer()
            text = try container.decode(String.self)
            times = try container.decode(Int.self)
        }
    }

    var testDescription: String { name }
    var bytes: [UInt8] { encoded.flatMap { Array(String(repeating: $0.text, count: $0.times).utf8) } }

    func decoder(
        variant: AWSChunkedVariant? = nil, secret: String? = nil, length: Int64? = nil, trailer: String?? = nil, seed: String? = nil
    ) throws -> AWSChunkedDecoder {
        let scope = CredentialScope(date: String(time.prefix(8)), region: region, service: "s3")
        let digest = Hex.digest((seed ?? self.seed).utf8.span)
        return try AWSChunkedDecoder(
            variant ?? #require(AWSChunkedVariant(rawValue: self.variant)), decodedLength: length ?? decodedLength,
            trailer: trailer ?? self.trailer, key: SigningKey(secret: secret ?? self.secret, scope: scope),
            seed: VerifiedSignature(
                accessKeyID: "x", scope: scope, time: time, signature: #require(digest)))
    }

    static let all: [ChunkedVector] = load("chunked-bodies.json")

    static func named(_ name: String) throws -> ChunkedVector { try #require(all.first { $0.name == name }) }
}

private func load<Value: Decodable>(_ file: String) -> Value {
    let url = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Vectors/\(file)")
    do {
        return try JSONDecoder().decode(Value.self, from: Data(contentsOf: url))
    } catch {
        fatalError("\(file): \(error)")
    }
}

extension SigV4Request {
    /// A copy with one header's value changed.
    func changing(_ name: String, _ change: (String) -> String) -> SigV4Request {
        var copy = self
        copy.headers = headers.map { $0.0.lowercased() == name ? ($0.0, change($0.1)) : $0 }
        return copy
    }
    func adding(_ name: String, _ value: String) -> SigV4Request {
        var copy = self
        copy.headers.append((name, value))
        return copy
    }
    func removing(_ name: String) -> SigV4Request {
        var copy = self
        copy.headers.removeAll { $0.0.lowercased() == name }
        return copy
    }
    func value(_ name: String) -> String { headers.first { $0.0.lowercased() == name }?.1 ?? "" }
}
