import Configuration

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// Reads settings by flag, then `SIGNALBOX_*` environment, then file. Defaults are the reader's callers'.
///
/// An unknown variable or file member and a value of the wrong kind are errors that name the place:
/// a silent default would be found out in production.
struct SettingsReader: Sendable {
    /// Where a value can come from, for messages.
    private struct Source: Sendable {
        let name: @Sendable (Setting) -> String
        let provider: any ConfigProvider
    }

    private let sources: [Source]
    private let reader: ConfigReader
    /// Home by flag, environment, file or default; absolute.
    let home: String

    /// - Parameters:
    ///   - flags: what the command line says, by setting key.
    ///   - environment: of the process.
    ///   - isRoot: decides the default home.
    static func load(flags: [String: ConfigValue], environment: [String: String], isRoot: Bool) async throws -> Self {
        try refuseUnknownVariables(environment)
        let flagSource = Source(
            name: { $0.flag },
            provider: InMemoryProvider(
                name: "flags",
                values: Dictionary(uniqueKeysWithValues: flags.map { (AbsoluteConfigKey([$0.key]), $0.value) })))
        // An empty variable counts as absent, as `VAR= command` is meant.
        let variables = environment.filter { $0.key.hasPrefix("SIGNALBOX_") && !$0.value.isEmpty }
        let variableSource = Source(
            name: { $0.variable },
            provider: EnvironmentVariablesProvider(environmentVariables: variables).prefixKeys(with: "signalbox"))

        let early = Self(sources: [flagSource, variableSource], home: "")
        let earlyHome = try early.string(.home)
        let home = absolute(earlyHome ?? defaultHome(environment, isRoot: isRoot), environment)
        let named = try early.string(.config).map { absolute($0, environment) }
        let path = named ?? home + "/config.json"
        guard named != nil || FileManager.default.fileExists(atPath: path) else {
            return Self(sources: early.sources, home: home)
        }

        let fileSource = Source(name: { "\($0.key) in \(path)" }, provider: try await file(path, mayMoveHome: named != nil))
        let all = Self(sources: [flagSource, variableSource, fileSource], home: home)
        guard let fileHome = try all.string(.home) else { return all }
        return Self(sources: all.sources, home: absolute(fileHome, environment))
    }

    private init(sources: [Source], home: String) {
        self.sources = sources
        self.home = home
        reader = ConfigReader(providers: sources.map(\.provider))
    }

    // MARK: Values

    func string(_ setting: Setting) throws -> String? {
        let value = try read(setting, expected: "text") {
            try $0.fetchOptional { try $0.requiredString(forKey: $1, isSecret: setting.isSecret) }
        }
        guard let value, case .choice(let choices) = setting.kind, !choices.contains(value) else { return value }
        throw invalid(setting, "'\(value)' is none of \(choices.joined(separator: ", "))")
    }

    func integer(_ setting: Setting) throws -> Int? {
        let value = try read(setting, expected: "a whole number") {
            try $0.fetchOptional { try $0.requiredInt(forKey: $1) }
        }
        guard let value, case .integer(let range) = setting.kind, !range.contains(value) else { return value }
        throw invalid(setting, "\(value) is not within \(range.lowerBound) and \(range.upperBound)")
    }

    func boolean(_ setting: Setting) throws -> Bool? {
        try read(setting, expected: "true or false") {
            try $0.fetchOptional { try $0.requiredBool(forKey: $1) }
        }
    }

    /// Complaint about a setting's value that names the place it came from.
    func invalid(_ setting: Setting, _ complaint: String) -> CommandError {
        CommandError(usage: "\(place(of: setting)): \(complaint)")
    }

    private func read<Value>(_ setting: Setting, expected: String, _ body: (Lookup) throws -> Value?) throws -> Value? {
        do {
            return try body(Lookup(reader: reader, key: ConfigKey([setting.key]), isPresent: source(of: setting) != nil))
        } catch {
            throw invalid(setting, "expected \(expected)")
        }
    }

    private func place(of setting: Setting) -> String { source(of: setting)?.name(setting) ?? setting.key }

    /// The first source that has the key at all, whatever the kind of its value.
    private func source(of setting: Setting) -> Source? {
        let key = AbsoluteConfigKey([setting.key])
        let types: [ConfigType] = [.string, .int, .bool]
        return sources.first { source in
            types.contains { type in
                // A value that can't be converted throws: it's there, and wrong.
                do { return try source.provider.value(forKey: key, type: type).value != nil } catch { return true }
            }
        }
    }

    /// One look-up by the throwing accessors, since those with a default swallow a wrong value.
    private struct Lookup {
        let reader: ConfigReader
        let key: ConfigKey
        let isPresent: Bool

        func fetchOptional<Value>(_ body: (ConfigReader, ConfigKey) throws -> Value) throws -> Value? {
            isPresent ? try body(reader, key) : nil
        }
    }

    // MARK: Places

    private static func refuseUnknownVariables(_ environment: [String: String]) throws {
        let known = Setting.all.map(\.variable)
        for name in environment.keys.sorted() where name.hasPrefix("SIGNALBOX_") && !known.contains(name) {
            throw CommandError(usage: "unknown environment variable \(name)" + suggestion(name, among: known))
        }
    }

    private static func file(_ path: String, mayMoveHome: Bool) async throws -> any ConfigProvider {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw CommandError(usage: "can't read the configuration file \(path)")
        }
        guard let members = try? JSONDecoder().decode([String: AnyMember].self, from: data) else {
            throw CommandError(usage: "\(path) is not a JSON object")
        }
        let known = Setting.all.filter(\.isInFile).map(\.key)
        for name in members.keys.sorted() where !known.contains(name) {
            throw CommandError(usage: "unknown key '\(name)' in \(path)" + suggestion(name, among: known))
        }
        if members[Setting.home.key] != nil, !mayMoveHome {
            throw CommandError(usage: "\(path) lies in the home and so can't move it; give --home or SIGNALBOX_HOME")
        }
        let arguments = InMemoryProvider(values: ["filePath": ConfigValue(.string(path), isSecret: false)])
        do {
            return try await FileProvider<JSONSnapshot>(config: ConfigReader(provider: arguments))
        } catch {
            throw CommandError(usage: "\(path): \(error)")
        }
    }

    private static func suggestion(_ name: String, among known: [String]) -> String {
        let nearest = Nearest.match(name, among: known).map { "; did you mean \($0)?" } ?? ""
        return nearest + " (all settings: signalbox help configuration)"
    }

    /// Any JSON value: only names matter when a file is checked.
    private struct AnyMember: Decodable {
        init(from decoder: any Decoder) {}
    }

    static func defaultHome(_ environment: [String: String], isRoot: Bool) -> String {
        isRoot ? "/var/lib/signalbox" : (environment["HOME"] ?? "") + "/.signalbox"
    }

    private static func absolute(_ path: String, _ environment: [String: String]) -> String {
        if path.hasPrefix("~/"), let home = environment["HOME"] { return home + path.dropFirst(1) }
        if path.hasPrefix("/") { return path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path }
        return FileManager.default.currentDirectoryPath + "/" + path
    }
}
