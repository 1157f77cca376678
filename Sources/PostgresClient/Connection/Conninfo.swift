import CLibPQ
import Glibc

/// libpq's connection strings.
enum Conninfo {
    /// A value in single quotes, with what libpq wants escaped.
    static func quote(_ value: String) -> String {
        var quoted = "'"
        for character in value {
            if character == "'" || character == "\\" { quoted.append("\\") }
            quoted.append(character)
        }
        return quoted + "'"
    }

    /// The same string or URI with another database.
    static func replacingDatabase(in connectionString: String, with database: String) throws -> String {
        try replacing("dbname", in: connectionString, with: database)
    }

    /// The same string or URI with another value of one parameter.
    static func replacing(_ parameter: String, in connectionString: String, with replacement: String) throws -> String {
        var message: UnsafeMutablePointer<CChar>?
        guard let options = PQconninfoParse(connectionString, &message) else {
            defer { PQfreemem(message) }
            throw PostgresError(.server, "not a connection string: \(PostgresError.tidy(message))")
        }
        defer { PQconninfoFree(options) }
        var parts: [String] = []
        var option = options
        while let keyword = option.pointee.keyword {
            let name = String(cString: keyword)
            if let value = option.pointee.val, name != parameter { parts.append("\(name)=\(quote(String(cString: value)))") }
            option += 1
        }
        return (parts + ["\(parameter)=\(quote(replacement))"]).joined(separator: " ")
    }
}

extension PostgresConfiguration {
    /// Names and addresses of the servers that a connection string leads to by TCP; none for a unix socket.
    public static func hosts(in connectionString: String) throws -> [String] {
        var message: UnsafeMutablePointer<CChar>?
        guard let options = PQconninfoParse(connectionString, &message) else {
            defer { PQfreemem(message) }
            throw PostgresError(.server, "not a connection string: \(PostgresError.tidy(message))")
        }
        defer { PQconninfoFree(options) }
        // What the string leaves out, libpq takes from the environment.
        var values: [String: String] = [:]
        for (name, variable) in [("host", "PGHOST"), ("hostaddr", "PGHOSTADDR")] {
            if let value = getenv(variable) { values[name] = String(cString: value) }
        }
        var option = options
        while let keyword = option.pointee.keyword {
            let name = String(cString: keyword)
            if let value = option.pointee.val, name == "host" || name == "hostaddr" { values[name] = String(cString: value) }
            option += 1
        }
        let all = values.values.flatMap { $0.split(separator: ",").map(String.init) }
        return all.filter { !$0.hasPrefix("/") && !$0.hasPrefix("@") }.sorted()
    }

    /// A connection string or URI with this password. Throws `PostgresError` for what is neither.
    public static func connectionString(_ connectionString: String, password: String) throws -> String {
        try Conninfo.replacing("password", in: connectionString, with: password)
    }

    /// The same server, another database.
    package func withDatabase(_ name: String) throws -> Self {
        var copy = self
        copy.connectionString = try Conninfo.replacingDatabase(in: connectionString, with: name)
        return copy
    }
}
