import Glibc

/// PostgreSQL's server programs on this machine.
struct PostgresInstallation: Sendable, Equatable {
    static let minimumMajor = 14

    /// Directory that holds `initdb` and `postgres`.
    var directory: String
    var major: Int

    func program(_ name: String) -> String { "\(directory)/\(name)" }

    /// The newest one, or for an existing data directory the one of its major version.
    ///
    /// - Parameter directories: where to look, instead of the usual places.
    static func find(forData major: Int?, dataDirectory: String, in directories: [String]? = nil) throws -> Self {
        let places = directories ?? usualPlaces()
        return try choose(places.compactMap(inspect), places: places, forData: major, dataDirectory: dataDirectory)
    }

    static func choose(_ installations: [Self], places: [String], forData major: Int?, dataDirectory: String) throws -> Self {
        let found = installations.sorted { $0.major > $1.major }
        guard let newest = found.first else {
            throw EmbeddedClusterError(
                "PostgreSQL's server programs (initdb, postgres) were not found in \(places.joined(separator: ", ")). "
                    + "Install them: apt-get install postgresql (Debian, Ubuntu), dnf install postgresql-server (Fedora); "
                    + "or name a server of your own with --database-url")
        }
        if let major {
            if let match = found.first(where: { $0.major == major }) { return match }
            throw EmbeddedClusterError(
                "\(dataDirectory) was made by PostgreSQL \(major), and only \(found.map { String($0.major) }.joined(separator: ", ")) is installed. "
                    + "Install that version: apt-get install postgresql-\(major); or dump its data with it and start with an empty home")
        }
        guard newest.major >= minimumMajor else {
            throw EmbeddedClusterError(
                "PostgreSQL \(newest.major) in \(newest.directory) is too old, \(minimumMajor) or newer is needed: apt-get install postgresql"
            )
        }
        return newest
    }

    private static func usualPlaces() -> [String] {
        var places: [String] = []
        if let directory = opendir("/usr/lib/postgresql") {
            defer { closedir(directory) }
            while let entry = readdir(directory) {
                let name = withUnsafeBytes(of: entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
                if Int(name) != nil { places.append("/usr/lib/postgresql/\(name)/bin") }
            }
        }
        if let configuration = Executables.find("pg_config"),
            let outcome = try? ChildProcess.run([configuration, "--bindir"]), outcome.succeeded
        {
            places.append(outcome.output.filter { !$0.isNewline })
        }
        var seen: Set<String> = []
        return (Executables.searchPath + places).filter { seen.insert($0).inserted }
    }

    private static func inspect(_ directory: String) -> Self? {
        guard access("\(directory)/initdb", X_OK) == 0, access("\(directory)/postgres", X_OK) == 0,
            let outcome = try? ChildProcess.run(["\(directory)/postgres", "--version"]), outcome.succeeded
        else { return nil }
        // "postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)"
        guard let version = outcome.output.split(separator: " ").dropFirst(2).first,
            let major = Int(version.prefix { $0.isNumber })
        else { return nil }
        return Self(directory: directory, major: major)
    }
}
