#if canImport(FoundationEssentials)
public import FoundationEssentials
#else
public import Foundation
#endif

/// An instant as workload identities show it: seconds since 1970 as a number, with milliseconds as its
/// fraction (contract §1, `Timestamp`).
public struct EpochTimestamp: Sendable, Hashable {
    /// Since 1970-01-01T00:00:00Z.
    public let milliseconds: Int64

    public init(milliseconds: Int64) { self.milliseconds = milliseconds }

    /// Rounds down to the millisecond.
    public init(_ date: Date) { milliseconds = WireTimestamp(date).milliseconds }
}

extension EpochTimestamp: Codable {
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        milliseconds = Int64((try container.decode(Double.self) * 1000).rounded())
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        if milliseconds % 1000 == 0 {
            try container.encode(milliseconds / 1000)
        } else {
            try container.encode(Double(milliseconds) / 1000)
        }
    }
}
