import NIOSSL

extension Connection.Trust {
    /// nil: the client's own. Throws ``ClientError`` when the file can't be used.
    func configuration() throws -> TLSConfiguration? {
        var configuration = TLSConfiguration.makeClientConfiguration()
        switch self {
        case .system: return nil
        case .authorities(let file):
            do {
                configuration.trustRoots = .certificates(try NIOSSLCertificate.fromPEMFile(file))
            } catch {
                throw ClientError.failed("can't use the certificates in \(file): \(error)")
            }
        case .ownServer: configuration.certificateVerification = .none
        }
        return configuration
    }
}
