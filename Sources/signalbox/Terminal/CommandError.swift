import ArgumentParser

/// What a person reads when a command did not do its work: one sentence, on standard error.
struct CommandError: Error, CustomStringConvertible, Sendable {
    let message: String
    let exitCode: ExitCode

    /// The operation failed: exit code 1.
    init(_ message: String) {
        self.message = message
        exitCode = .failure
    }

    /// The command was not given what it needs, or something it can't use: exit code 64.
    init(usage message: String) {
        self.message = message
        exitCode = .validationFailure
    }

    var description: String { message }
}
