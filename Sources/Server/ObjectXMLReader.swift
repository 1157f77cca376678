import Artifacts

/// An element of a small XML document: what S3 clients send with CompleteMultipartUpload and the like.
struct ObjectXMLElement: Equatable {
    /// Without namespace prefix.
    var name: String
    var text = ""
    var children: [ObjectXMLElement] = []

    func child(_ name: String) -> ObjectXMLElement? { children.first { $0.name == name } }
    func all(_ name: String) -> [ObjectXMLElement] { children.filter { $0.name == name } }
}

/// Reads such documents: elements, text, the five named entities and character references.
/// Attributes are skipped. Document types are refused, and with them every entity trick.
struct ObjectXMLReader {
    private static let depth = 8
    private let bytes: [UInt8]
    private var position = 0

    /// The root element. Throws `MalformedXML`.
    static func document(_ bytes: [UInt8]) throws(ObjectError) -> ObjectXMLElement {
        guard String(validating: bytes, as: UTF8.self) != nil else { throw malformed }
        var reader = ObjectXMLReader(bytes: bytes)
        if reader.starts("\u{FEFF}") { reader.position += 3 }
        try reader.skipMiscellaneous()
        let root = try reader.element(level: 0)
        try reader.skipMiscellaneous()
        guard reader.position == bytes.count else { throw malformed }
        return root
    }

    private static let malformed = ObjectError(
        .malformedXML, "The XML you provided was not well-formed or did not validate against our published schema")

    private init(bytes: [UInt8]) { self.bytes = bytes }

    private func starts(_ text: String) -> Bool { bytes[position...].starts(with: text.utf8) }

    private mutating func skip(past text: String) throws(ObjectError) {
        while position < bytes.count {
            if starts(text) {
                position += text.utf8.count
                return
            }
            position += 1
        }
        throw Self.malformed
    }

    private mutating func skipSpace() {
        while position < bytes.count, [0x20, 0x09, 0x0a, 0x0d].contains(bytes[position]) { position += 1 }
    }

    /// White space, comments and processing instructions, the XML declaration among them.
    private mutating func skipMiscellaneous() throws(ObjectError) {
        while true {
            skipSpace()
            if starts("<?") {
                try skip(past: "?>")
            } else if starts("<!--") {
                try skip(past: "-->")
            } else {
                return
            }
        }
    }

    private mutating func element(level: Int) throws(ObjectError) -> ObjectXMLElement {
        guard level < Self.depth, starts("<") else { throw Self.malformed }
        position += 1
        let qualified = try name()
        var element = ObjectXMLElement(name: qualified.split(separator: ":").last.map(String.init) ?? qualified)
        guard try !endOfStartTag() else { return element }
        var text: [UInt8] = []
        while true {
            guard position < bytes.count else { throw Self.malformed }
            if starts("</") {
                position += 2
                guard try name() == qualified else { throw Self.malformed }
                skipSpace()
                guard starts(">") else { throw Self.malformed }
                position += 1
                element.text = String(decoding: text, as: UTF8.self)
                return element
            } else if starts("<!--") {
                try skip(past: "-->")
            } else if starts("<") {
                element.children.append(try self.element(level: level + 1))
            } else if starts("&") {
                text += try reference().utf8
            } else {
                text.append(bytes[position])
                position += 1
            }
        }
    }

    private mutating func name() throws(ObjectError) -> String {
        let start = position
        while position < bytes.count, ![0x20, 0x09, 0x0a, 0x0d, 0x2f, 0x3e, 0x3c, 0x21, 0x3f, 0x26].contains(bytes[position]) {
            position += 1
        }
        guard position > start else { throw Self.malformed }
        return String(decoding: bytes[start..<position], as: UTF8.self)
    }

    /// Skips the attributes. True: the element is empty (`<a/>`).
    private mutating func endOfStartTag() throws(ObjectError) -> Bool {
        while position < bytes.count {
            switch bytes[position] {
            case UInt8(ascii: ">"):
                position += 1
                return false
            case UInt8(ascii: "/"):
                guard starts("/>") else { throw Self.malformed }
                position += 2
                return true
            case UInt8(ascii: "\""), UInt8(ascii: "'"):
                let quote = bytes[position]
                position += 1
                try skip(past: String(UnicodeScalar(quote)))
            case UInt8(ascii: "<"):
                throw Self.malformed
            default:
                position += 1
            }
        }
        throw Self.malformed
    }

    private mutating func reference() throws(ObjectError) -> String {
        guard let end = bytes[position...].prefix(12).firstIndex(of: UInt8(ascii: ";")) else { throw Self.malformed }
        let body = String(decoding: bytes[position + 1..<end], as: UTF8.self)
        position = end + 1
        switch body {
        case "amp": return "&"
        case "lt": return "<"
        case "gt": return ">"
        case "quot": return "\""
        case "apos": return "'"
        default: break
        }
        guard body.hasPrefix("#") else { throw Self.malformed }
        let digits = body.dropFirst()
        let value = digits.hasPrefix("x") ? UInt32(digits.dropFirst(), radix: 16) : UInt32(digits)
        guard let value, value != 0, let scalar = UnicodeScalar(value) else { throw Self.malformed }
        return String(scalar)
    }
}
