import ArgumentParser

/// A length of time on the command line: `90s`, `15m`, `24h`, `7d`, or seconds without a unit.
struct Lifetime: ExpressibleByArgument, Sendable, Equatable {
    var seconds: Int

    init(seconds: Int) { self.seconds = seconds }

    init?(argument: String) {
        let units = ["s": 1, "m": 60, "h": 3600, "d": 86_400]
        let unit = argument.last.flatMap { units[String($0)] }
        let digits = unit == nil ? argument[...] : argument.dropLast()
        guard (1...9).contains(digits.count), digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = Int(digits) else {
            return nil
        }
        seconds = number * (unit ?? 1)
    }

    var defaultValueDescription: String { seconds % 3600 == 0 ? "\(seconds / 3600)h" : "\(seconds)s" }
}
