/// An XML document of the object API, written piece by piece.
struct ObjectXMLWriter {
    static let namespace = "http://s3.amazonaws.com/doc/2006-03-01/"
    private(set) var text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"

    /// `<name>…</name>` around what `content` writes.
    mutating func element(_ name: StaticString, isRoot: Bool = false, _ content: (inout ObjectXMLWriter) -> Void) {
        text += isRoot ? "<\(name) xmlns=\"\(Self.namespace)\">" : "<\(name)>"
        content(&self)
        text += "</\(name)>"
    }

    mutating func element(_ name: StaticString, _ value: String) {
        text += "<\(name)>\(Self.escaped(value))</\(name)>"
    }

    mutating func element(_ name: StaticString, _ value: some BinaryInteger) { element(name, String(value)) }
    mutating func element(_ name: StaticString, _ value: Bool) { element(name, value ? "true" : "false") }

    /// The document, its root in S3's namespace.
    static func document(_ root: StaticString, _ content: (inout ObjectXMLWriter) -> Void) -> String {
        var writer = ObjectXMLWriter()
        writer.element(root, isRoot: true, content)
        return writer.text
    }

    /// Control characters become references: XML 1.0 has no better way, and S3 does the same.
    static func escaped(_ value: String) -> String {
        var result = ""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "&": result += "&amp;"
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "\"": result += "&quot;"
            case "\n", "\t": result.unicodeScalars.append(scalar)
            case _ where scalar.value < 0x20 || scalar.value == 0x7f: result += "&#\(scalar.value);"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}
