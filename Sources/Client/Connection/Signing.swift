import SigV4

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

extension SignedCall {
    /// All headers to send, `Authorization` included (AWS Signature Version 4).
    func signed(by credential: Credential, region: String, at date: Date) -> [(String, String)] {
        var headers = self.headers + [("Host", host)]
        if let token = credential.sessionToken { headers.append(("X-Amz-Security-Token", token)) }
        let signer = RequestSigner(
            accessKeyID: credential.accessKeyID, secret: credential.secretAccessKey, region: region, service: service.rawValue)
        let request = SigV4Request(method: method, rawPath: rawPath, rawQuery: rawQuery, headers: headers)
        return headers + signer.sign(request, payloadHash: ContentHash.sha256(of: body), at: date)
    }
}
