#if canImport(Glibc)
import Glibc
#endif

/// Rules of failpoints as files, so that a test can arm a place of a server that runs, and see what was reached.
///
/// - `PATH/NAME` holds an action. It is taken away when it is carried out, so that the server's successor doesn't
///   die of it again; `always ACTION` stays.
/// - `PATH/reached` gets a line for each place that is reached: its name, and the action or `-`.
struct FailpointDirectory: Sendable {
    let path: String

    /// What is to happen at this place now. Throws when the rule can't be read: a test must not pass by a typo.
    func action(at name: String) throws -> Failpoint.Action? {
        guard let rule = read("\(path)/\(name)") else {
            note("\(name) -\n")
            return nil
        }
        let words = rule.split(whereSeparator: \.isWhitespace)
        let stays = words.count == 2 && words[0] == "always"
        guard words.count == (stays ? 2 : 1), let verb = words.last, let action = Failpoint.Action(verb) else {
            throw SignalboxError.internal("failpoint \(name): '\(rule)' is no rule")
        }
        // Of two that come at the same time, one takes it away and carries it out.
        guard stays || unlink("\(path)/\(name)") == 0 else { return nil }
        note("\(name) \(verb)\n")
        return action
    }

    private func read(_ file: String) -> String? {
        let descriptor = open(file, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 256)
        let count = Glibc.read(descriptor, &bytes, bytes.count)
        return count > 0 ? String(decoding: bytes[..<count], as: UTF8.self) : nil
    }

    /// One write each, so that lines of several threads never mix.
    private func note(_ line: String) {
        let descriptor = open("\(path)/reached", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        _ = Array(line.utf8).withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
    }
}
