import ArgumentParser
import Foundation
import Testing

@testable import signalbox

@Suite struct CommandTests {
    /// Every verb that does something, with the words that call it.
    private static func verbs(_ command: any ParsableCommand.Type, _ words: [String] = []) -> [([String], any ParsableCommand.Type)] {
        let children = command.configuration.groupedSubcommands.flatMap(\.subcommands) + command.configuration.ungroupedSubcommands
        if children.isEmpty { return [(words, command)] }
        return children.flatMap { verbs($0, words + [$0.configuration.commandName ?? $0._commandName]) }
    }

    @Test func everyVerbExplainsItself() {
        let verbs = Self.verbs(Signalbox.self)
        #expect(verbs.count >= 20)
        for (words, verb) in verbs {
            #expect(!verb.configuration.abstract.isEmpty, "\(words) has no abstract")
            #expect(
                verb.configuration.discussion.contains("EXAMPLES\n  signalbox \(words.joined(separator: " "))")
                    || verb.configuration.discussion.contains("signalbox \(words.joined(separator: " "))"), "\(words) has no example")
        }
    }

    @Test(arguments: [
        ["deploy", ".", "--name", "n", "--env", "A=b=c", "--env", "D="], ["invoke", "n", "-"],
        ["endpoint", "switch", "n", "prod", "--to", "2", "--wait"], ["dev", "--allow-failpoints", "--listen", "[::1]:0"],
        ["key", "create", "--account", "123456789012", "--role", "viewer"],
        ["deploy", ".", "--name", "n", "--build-arg", "A=", "--push", "localhost:5000/n:1", "--docker-host", "unix:///s"],
        ["deploy", "--image", "registry.example.com/n@sha256:00", "--name", "n"],
    ])
    func parses(_ arguments: [String]) throws {
        _ = try Signalbox.parseAsRoot(arguments)
    }

    @Test(arguments: [
        ["deploy", "."], ["deploy", ".", "--name", "n", "--env", "A"], ["deploy", ".", "--name", "n", "--env", "=b"],
        ["deploy", "--name", "n"], ["deploy", ".", "--name", "n", "--image", "i"], ["deploy", ".", "--name", "n", "--build-arg", "A"],
        ["deploy", "--name", "n", "--image", "i", "--push", "r/n"], ["deploy", ".", "--name", "n", "--archive", "--dockerfile", "D"],
        ["deploy", ".", "--name", "n", "--push", "r/n@sha256:00"],
        ["endpoint", "switch", "n", "prod"], ["key", "create", "--account", "12"], ["serve", "--maximum-sessions", "x"], ["nothing"],
    ])
    func refuses(_ arguments: [String]) {
        let error = #expect(throws: (any Error).self) { try Signalbox.parseAsRoot(arguments) }
        #expect(error.map { Signalbox.exitCode(for: $0).rawValue } == 64)
    }

    @Test(arguments: [CompletionShell.bash, .zsh, .fish])
    func completes(_ shell: CompletionShell) {
        #expect(Signalbox.completionScript(for: shell).contains("rollback"))
    }
}
