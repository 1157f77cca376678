#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// Identifiers that leave the process. All come from the system's secure generator.
public enum Identifier {
    private static let alphanumerics = Array("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")

    /// `count` letters and digits, such as the ten that end a runtime id (contract §3).
    public static func alphanumeric(_ count: Int) -> String {
        var generator = SystemRandomNumberGenerator()
        return String((0..<count).map { _ in alphanumerics[Int.random(in: 0..<alphanumerics.count, using: &generator)] })
    }

    /// Lower-case UUID, version 4: 36 characters.
    public static func uuid() -> String { UUID().uuidString.lowercased() }
}
