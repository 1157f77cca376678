import Artifacts
import HTTPTypes

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

#if canImport(Glibc)
import Glibc
#endif

/// Request headers of the object API, turned into what the object storage understands.
struct ObjectHeaders {
    let fields: HTTPFields

    func value(_ name: String) -> String? { HTTPField.Name(name).flatMap { fields[$0] } }

    /// Lengths and digests that the body must have. Throws `InvalidDigest`, `MissingContentLength`.
    func announced(requiresLength: Bool) throws(ObjectError) -> ObjectDigests {
        // aws-chunked bodies are decoded before they come here; their own length stands apart.
        let length = (value("x-amz-decoded-content-length") ?? value("content-length")).flatMap(Int64.init)
        if requiresLength, length == nil {
            throw ObjectError(.missingContentLength, "You must provide the Content-Length HTTP header.")
        }
        var digests = ObjectDigests(length: length)
        if let text = value("content-md5") {
            guard let data = Data(base64Encoded: text), data.count == 16 else {
                throw ObjectError(.invalidDigest, "The Content-MD5 you specified is not valid.")
            }
            digests.md5 = Array(data)
        }
        if let text = value("x-amz-content-sha256"), text.utf8.count == 64 { digests.sha256 = text.lowercased() }
        for algorithm in ObjectChecksum.allCases {
            guard let text = value(algorithm.headerName) else { continue }
            guard let data = Data(base64Encoded: text), data.count == algorithm.length else {
                throw ObjectError(.invalidRequest, "Value for \(algorithm.headerName) header is invalid.")
            }
            digests.checksums[algorithm] = Array(data)
        }
        return digests
    }

    var attributes: ObjectAttributes {
        var attributes = ObjectAttributes()
        if let type = value("content-type"), !type.isEmpty { attributes.contentType = type }
        let prefix = "x-amz-meta-"
        for field in fields where field.name.canonicalName.hasPrefix(prefix) {
            let name = String(field.name.canonicalName.dropFirst(prefix.count))
            attributes.metadata[name] = attributes.metadata[name].map { $0 + "," + field.value } ?? field.value
        }
        return attributes
    }

    var condition: ObjectCondition {
        func tags(_ name: String) -> [String] {
            value(name).map { $0.split(separator: ",").map { Self.unquoted($0) } } ?? []
        }
        return ObjectCondition(ifMatch: tags("if-match"), ifNoneMatch: tags("if-none-match"))
    }

    /// One range of bytes. nil, that is the whole object, for what RFC 9110 tells to ignore: another
    /// unit, several ranges, a malformed one.
    var range: ByteRange? {
        guard let text = value("range"), text.hasPrefix("bytes=") else { return nil }
        let sides = text.dropFirst(6).split(separator: "-", omittingEmptySubsequences: false)
        guard sides.count == 2 else { return nil }
        if sides[0].isEmpty { return Int64(sides[1]).map { .suffix($0) } }
        guard let first = Int64(sides[0]), first >= 0 else { return nil }
        if sides[1].isEmpty { return .from(first, through: nil) }
        guard let last = Int64(sides[1]), last >= first, last < .max else { return nil }
        return .from(first, through: last)
    }

    /// Without quotes, blanks and the mark of a weak tag.
    static func unquoted(_ tag: some StringProtocol) -> String {
        var text = tag.trimmingPrefix(while: { $0 == " " })
        while text.last == " " { text.removeLast() }
        if text.hasPrefix("W/") { text = text.dropFirst(2) }
        guard text.count >= 2, text.first == "\"", text.last == "\"" else { return String(text) }
        return String(text.dropFirst().dropLast())
    }
}

/// Dates as S3 writes them, always in UTC.
enum ObjectDate {
    /// `2009-10-12T17:50:30.000Z`
    static func iso(_ date: Date) -> String {
        let (fields, milliseconds) = parts(date)
        return "\(padded(fields.tm_year + 1900, 4))-\(padded(fields.tm_mon + 1))-\(padded(fields.tm_mday))"
            + "T\(clock(fields)).\(padded(CInt(milliseconds), 3))Z"
    }

    /// `Mon, 12 Oct 2009 17:50:00 GMT`
    static func http(_ date: Date) -> String {
        let (fields, _) = parts(date)
        let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        return "\(days[Int(fields.tm_wday)]), \(padded(fields.tm_mday)) \(months[Int(fields.tm_mon)]) "
            + "\(padded(fields.tm_year + 1900, 4)) \(clock(fields)) GMT"
    }

    private static func parts(_ date: Date) -> (tm, Int) {
        let milliseconds = Int((date.timeIntervalSince1970 * 1000).rounded(.down))
        var seconds = time_t(milliseconds >= 0 ? milliseconds / 1000 : (milliseconds - 999) / 1000)
        var fields = tm()
        gmtime_r(&seconds, &fields)
        return (fields, milliseconds - Int(seconds) * 1000)
    }

    private static func clock(_ fields: tm) -> String {
        "\(padded(fields.tm_hour)):\(padded(fields.tm_min)):\(padded(fields.tm_sec))"
    }

    private static func padded(_ value: CInt, _ width: Int = 2) -> String {
        let text = String(value)
        return String(repeating: "0", count: max(0, width - text.count)) + text
    }
}
