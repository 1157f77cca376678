#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

extension SettingsReader {
    /// The uid of `--server-user`. nil: the supervisor's own, or none was given.
    func serverUserID() throws -> UInt32? {
        guard let name = try string(.serverUser) else { return nil }
        let id = try UInt32(name) ?? Self.userID(of: name) ?? { throw invalid(.serverUser, "there is no user '\(name)'") }()
        return id == geteuid() ? nil : id
    }

    private static func userID(of name: String) -> UInt32? {
        var entry = passwd()
        var found: UnsafeMutablePointer<passwd>?
        var buffer = [CChar](repeating: 0, count: 16_384)
        guard getpwnam_r(name, &entry, &buffer, buffer.count, &found) == 0, found != nil else { return nil }
        return entry.pw_uid
    }
}
