import AgentCoreModel
import ArgumentParser

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// A time on the command line: `2026-09-26T12:34:56Z`, `2026-09-26`, or how long ago it was: `90s`, `30m`, `12h`, `7d`.
struct TimeArgument: ExpressibleByArgument, Sendable, Equatable {
    private enum Kind: Sendable, Equatable {
        case time(WireTimestamp)
        /// Milliseconds.
        case ago(Int64)
    }
    private let kind: Kind

    init?(argument: String) {
        if let time = WireTimestamp(argument) ?? WireTimestamp(argument + "T00:00:00Z") {
            kind = .time(time)
            return
        }
        let units: [Character: Int64] = ["s": 1, "m": 60, "h": 3600, "d": 86_400]
        guard let unit = argument.last.flatMap({ units[$0] }), let count = Int64(argument.dropLast()), count >= 0, count <= 1_000_000_000
        else { return nil }
        kind = .ago(count * unit * 1000)
    }

    /// - Parameter now: of this machine.
    func time(now: Date = Date()) -> WireTimestamp {
        switch kind {
        case .time(let time): time
        case .ago(let milliseconds): WireTimestamp(milliseconds: WireTimestamp(now).milliseconds - milliseconds)
        }
    }
}
