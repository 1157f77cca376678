import AgentCoreModel
import SigV4

#if canImport(FoundationEssentials)
public import FoundationEssentials
#else
public import Foundation
#endif

/// URLs that anybody can open for a while, with this connection's rights.
extension Connection {
    /// - Parameters:
    ///   - target: Path and query as they go on the wire, percent-encoded; those below `/_s3` are signed as S3's.
    ///   - lifetime: Seconds, at most a week.
    public func presigned(_ method: String, _ target: String, lifetime: Int, at date: Date) -> String {
        let parts = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        let isObject = target.hasPrefix("/_s3/")
        return presigned(
            method, base: controlPlane, path: String(parts[0]), query: parts.count > 1 ? String(parts[1]) : "",
            service: isObject ? .objects : .agentCore, lifetime: lifetime, at: date)
    }

    /// For one object.
    public func presigned(_ method: String, bucket: String, key: String, lifetime: Int, at date: Date) -> String {
        let path =
            "/" + bucket + "/"
            + key.split(separator: "/", omittingEmptySubsequences: false)
            .map { PercentEncoding.encode(String($0)) }.joined(separator: "/")
        return presigned(method, base: objects, path: path, query: "", service: .objects, lifetime: lifetime, at: date)
    }

    private func presigned(
        _ method: String, base: String, path: String, query: String, service: SignedCall.Service, lifetime: Int, at date: Date
    ) -> String {
        let call = SignedCall(method: method, base: base, path: path, service: service)
        let signer = RequestSigner(
            accessKeyID: credential.accessKeyID, secret: credential.secretAccessKey, region: region, service: service.rawValue)
        let request = SigV4Request(method: method, rawPath: call.rawPath, rawQuery: query, headers: [("Host", call.host)])
        let signed = signer.presign(request, lifetime: Int64(lifetime), sessionToken: credential.sessionToken, at: date)
        return base + path + "?" + signed
    }
}
