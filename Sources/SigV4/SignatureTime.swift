#if canImport(FoundationEssentials)
public import FoundationEssentials
#else
public import Foundation
#endif

/// The instant of a signature, whole seconds, written `20261121T030912Z`.
public struct SignatureTime: Sendable, Hashable {
    /// Since 1970-01-01T00:00:00Z.
    public let seconds: Int64

    /// How far the caller's clock may be off, either way (contract §1).
    public static let allowedSkew: Int64 = 300

    public init(seconds: Int64) { self.seconds = seconds }
    public init(_ date: Date) { seconds = Int64(date.timeIntervalSince1970.rounded(.down)) }

    /// `YYYYMMDDTHHMMSSZ`, or the HTTP date of a `Date` header (`Sat, 21 Nov 2026 03:09:12 GMT`).
    public init?(_ text: String) {
        let bytes = Array(text.utf8)
        if bytes.count == 16, bytes[8] == UInt8(ascii: "T"), bytes[15] == UInt8(ascii: "Z") {
            self.init(
                Self.number(bytes[0..<4]), Self.number(bytes[4..<6]), Self.number(bytes[6..<8]),
                Self.number(bytes[9..<11]), Self.number(bytes[11..<13]), Self.number(bytes[13..<15]))
        } else if bytes.count == 29, bytes[3] == UInt8(ascii: ","), text.hasSuffix(" GMT"),
            bytes[19] == UInt8(ascii: ":"), bytes[22] == UInt8(ascii: ":")
        {
            let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
            let month = months.firstIndex(of: String(decoding: bytes[8..<11], as: UTF8.self)).map { $0 + 1 }
            self.init(
                Self.number(bytes[12..<16]), month, Self.number(bytes[5..<7]),
                Self.number(bytes[17..<19]), Self.number(bytes[20..<22]), Self.number(bytes[23..<25]))
        } else {
            return nil
        }
    }

    private init?(_ year: Int64?, _ month: Int64?, _ day: Int64?, _ hour: Int64?, _ minute: Int64?, _ second: Int64?) {
        guard let year, let month, let day, let hour, let minute, let second,
            (1...12).contains(month), (1...31).contains(day), hour < 24, minute < 60, second < 61
        else { return nil }
        seconds = Self.days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second
    }

    private init?(_ year: Int64?, _ month: Int?, _ day: Int64?, _ hour: Int64?, _ minute: Int64?, _ second: Int64?) {
        self.init(year, month.map { Int64($0) }, day, hour, minute, second)
    }

    private static func number(_ bytes: ArraySlice<UInt8>) -> Int64? {
        var value: Int64 = 0
        for byte in bytes {
            guard ASCII.isDigit(byte) else { return nil }
            value = value * 10 + Int64(byte - 0x30)
        }
        return value
    }

    /// Days since 1970-01-01 of a Gregorian date (Howard Hinnant's algorithm; years from 0).
    private static func days(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let shifted = month <= 2 ? year - 1 : year
        let era = (shifted >= 0 ? shifted : shifted - 399) / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    /// `20261121T030912Z`
    public var text: String {
        let days = (seconds >= 0 ? seconds : seconds - 86_399) / 86_400
        let rest = seconds - days * 86_400
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        var output: [UInt8] = []
        output.reserveCapacity(16)
        func add(_ value: Int64, _ width: Int) {
            var divisor: Int64 = width == 4 ? 1000 : 10
            while divisor > 0 {
                output.append(0x30 + UInt8(truncatingIfNeeded: value / divisor % 10))
                divisor /= 10
            }
        }
        add(yearOfEra + era * 400 + (month <= 2 ? 1 : 0), 4)
        add(month, 2)
        add(dayOfYear - (153 * shiftedMonth + 2) / 5 + 1, 2)
        output.append(UInt8(ascii: "T"))
        add(rest / 3600, 2)
        add(rest / 60 % 60, 2)
        add(rest % 60, 2)
        output.append(UInt8(ascii: "Z"))
        return String(decoding: output, as: UTF8.self)
    }

    /// `20261121`, the date of the credential scope.
    public var day: String { String(text.prefix(8)) }

    /// Refuses a signature that is more than five minutes old or ahead, in AWS's words.
    func check(now: SignatureTime) throws(SigV4Error) {
        let earliest = SignatureTime(seconds: now.seconds - Self.allowedSkew)
        let latest = SignatureTime(seconds: now.seconds + Self.allowedSkew)
        if seconds < earliest.seconds {
            throw .expired("Signature expired: \(text) is now earlier than \(earliest.text) (\(now.text) - 5 min.)")
        }
        if seconds > latest.seconds {
            throw .expired("Signature not yet current: \(text) is still later than \(latest.text) (\(now.text) + 5 min.)")
        }
    }
}
