import CLibPQ

extension PostgresError {
    /// The error of a result of status FATAL_ERROR; clears it.
    init(consuming result: OpaquePointer) {
        defer { PQclear(result) }
        func field(_ code: UnicodeScalar) -> String? {
            PQresultErrorField(result, CInt(code.value)).map { String(cString: $0) }
        }
        let state = field("C") ?? ""
        // The detail is left out: it quotes values, and values may be secret.
        var message = field("M") ?? Self.tidy(PQresultErrorMessage(result))
        if let hint = field("H") { message += " (\(hint))" }
        self.init(Self.kind(sqlState: state), message, sqlState: state, constraint: field("n"))
    }

    static func kind(sqlState: String) -> Kind {
        switch sqlState {
        case "": .away  // libpq's own words: the connection broke
        case "57P01", "57P02", "57P03", "57P05": .away  // shut down, crashed, starting up, idle too long
        case "25P03", "25P04": .away  // a transaction was idle, or open, too long: the server has left
        case "57014": .deadline
        case let state where state.hasPrefix("08"): .away
        default: .server
        }
    }

    /// libpq's message on one line.
    static func tidy(_ message: UnsafePointer<CChar>?) -> String {
        guard let message else { return "no message" }
        return String(cString: message).split(whereSeparator: \.isNewline)
            .map { $0.drop { $0 == " " || $0 == "\t" } }.joined(separator: "; ")
    }

    static func away(_ message: String) -> Self { Self(.away, message) }
    static let clientClosed = Self(.closed, "the PostgreSQL client was shut down")
    static let noThread = Self(.away, "the system has no thread left")
    static let deadlinePassed = Self(.deadline, "PostgreSQL did not answer before the deadline")
}
