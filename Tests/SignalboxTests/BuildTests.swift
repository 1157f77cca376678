import DockerClient
import Foundation
import Testing

@testable import signalbox

@Suite struct BuildTests {
    // As Docker's own matcher has them (moby/patternmatcher).
    @Test(
        arguments: [
            ("a", "a", true), ("a", "ab", false), ("a", "b/a", false), ("/a", "a", true), ("a/", "a", true), ("./a/../b", "b", true),
            ("*", "a/b", false), ("a*", "abc", true), ("*.md", "a.md", true), ("*.md", "d/a.md", false), ("?", "ü", true),
            ("?", "/", false), ("**", "a/b", true), ("**/a", "a", true), ("**/a", "x/y/a", true), ("**/a", "xa", false),
            ("a/**", "a/b/c", true), ("a/**", "a", false), ("a/**/b", "a/b", true), ("a/**/b", "a/x/y/b", true),
            ("**/*.go", "x/y.go", true), ("**/*.go", "y.go", true), ("**file", "dir/myfile", true), ("a**/a.txt", "abc/d/a.txt", true),
            ("[a-c]x", "bx", true), ("[^a-c]x", "bx", false), ("[^a-c]x", "dx", true), ("a\\*b", "a*b", true), ("a\\*b", "axb", false),
            ("[\\]a]", "]", true), ("[\\-x]", "-", true), ("a.b", "axb", false), ("(a|b)+", "(a|b)+", true), ("..", "..", true),
        ])
    func patterns(_ text: String, _ path: String, _ isMatched: Bool) throws {
        // By way of rules: they clean a pattern first. A folder's name takes all below it along, and here nothing is below.
        let rules = try DockerIgnore(text)
        if path.contains("/"), !isMatched {
            let parent = path.split(separator: "/").dropLast().joined(separator: "/")
            #expect(rules.ignores(path) == rules.ignores(parent), "\(text) \(path)")
        } else {
            #expect(rules.ignores(path) == isMatched, "\(text) \(path)")
        }
    }

    @Test(arguments: ["[", "[a", "[]", "[b-a]", "a\\", "[a-]", "!"])
    func wrongPatterns(_ text: String) {
        #expect(throws: CommandError.self) { try DockerIgnore("fine\n" + text) }
    }

    @Test(
        arguments: [
            ("# comment\n\n  *.log  \r\n", "a.log", true), ("#a\n", "#a", false), ("\\#a", "#a", true), ("\u{feff}a", "a", true),
            ("docs\n!docs/a", "docs/a", false), ("docs\n!docs/a", "docs/b", true), ("!docs/a\ndocs", "docs/a", true),
            ("*\n!src", "src/deep/file", false), ("*\n!src\nsrc/deep", "src/deep/file", true), ("*\n! src", "src", false),
            ("**/node_modules", "a/node_modules/b/c", true), ("*\n!**/*.py", "a/b.py", false), ("*\n!**/*.py", "a/b.js", true),
        ])
    func theLastLineDecides(_ text: String, _ path: String, _ isIgnored: Bool) throws {
        #expect(try DockerIgnore(text).ignores(path) == isIgnored)
    }

    @Test(
        arguments: [
            ("*\n!src/keep", "src", true), ("*\n!src/keep", "other", false), ("*\n!src", "src/deep", false), ("*\n!**/*.py", "a/b", true),
            ("*\n!s*/keep", "src", true), ("*", "src", false), ("*\n!a/**/b", "a/c/d", true), ("*\n!a/**/b", "c", false),
        ])
    func foldersAreSkippedWhereNothingComesBack(_ text: String, _ folder: String, _ isPossible: Bool) throws {
        #expect(try DockerIgnore(text).mayTakeBack(below: folder) == isPossible)
    }

    @Test func theContextIsWhatIsNotIgnored() async throws {
        try await withTemporaryFolder { folder in
            for name in [
                "main.py", "secret.key", "lib/a.py", "lib/a.pyc", "data/big.bin", "data/keep/one", "data/keep/two", ".git/config",
                "docker/Dockerfile", "docker/notes",
            ] {
                let file = URL(filePath: folder + "/" + name)
                try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
                try Data().write(to: file)
            }
            try FileManager.default.createSymbolicLink(atPath: folder + "/lib/link", withDestinationPath: "/etc")
            try Data("**/*.pyc\n*.key\n.git\ndata\n!data/keep/one\ndocker\n.dockerignore\n".utf8)
                .write(to: URL(filePath: folder + "/.dockerignore"))
            let context = try BuildContext(Folder(folder), dockerfile: "./docker/Dockerfile")
            // The engine needs Dockerfile and rules, whatever they say of themselves.
            #expect(
                try context.entries().map(\.name) == [
                    ".dockerignore", "data", "data/keep", "data/keep/one", "docker", "docker/Dockerfile", "lib", "lib/a.py", "lib/link",
                    "main.py",
                ])
            #expect(try context.entries().first { $0.name == "lib/link" }?.kind == .link(target: "/etc"))
        }
    }

    @Test func aDockerfileOutsideIsRefused() async throws {
        try await withTemporaryFolder { temporary in
            try createFolder(temporary + "/folder")
            try Data("FROM scratch\n".utf8).write(to: URL(filePath: temporary + "/Dockerfile"))
            let folder = try Folder(temporary + "/folder")
            for name in ["Dockerfile", "../Dockerfile", temporary + "/Dockerfile"] {
                #expect(throws: CommandError.self) { try BuildContext(folder, dockerfile: name) }
            }
            try FileManager.default.createSymbolicLink(atPath: folder.path + "/Dockerfile", withDestinationPath: "../Dockerfile")
            #expect(throws: CommandError.self) { try BuildContext(folder, dockerfile: "Dockerfile") }
        }
    }

    @Test(
        arguments: [
            ("FROM python:3.13", [:], ["docker.io"]),
            (
                "# escape=`\nARG BASE=ghcr.io/a/b\nARG OTHER=$BASE:1\nFROM `\n  --platform=linux/amd64 ${OTHER} AS build\nFROM build", [:],
                ["ghcr.io"]
            ),
            ("ARG BASE=ghcr.io/a\nFROM ${BASE}", ["BASE": "localhost/made/here"], []),
            ("FROM scratch\nCOPY --from=quay.io/tools:1 /a /b\nCOPY --from=0 /a /b", [:], ["quay.io"]),
            ("ARG R\nFROM ${R:-registry.example.com:5000}/x # no comment", [:], ["registry.example.com:5000"]),
            ("ARG TAG\nFROM \"r.example.com/x${TAG:+:$TAG}\"\nARG R=other\nRUN echo $R", ["TAG": "2"], ["r.example.com"]),
        ] as [(String, [String: String], Set<String>)])
    func registriesOfBaseImages(_ text: String, _ arguments: [String: String], _ registries: Set<String>) {
        #expect(Dockerfile(text).registries(arguments: arguments) == registries)
    }

    @Test func aBuildsStepsAndItsFailure() {
        var log = BuildLog()
        #expect(log.sentence == "starting")
        for line in ["Step 1/3 : FROM base", " ---> 0123456789ab", "Step 2/3 : RUN pip install -r requirements.txt"] {
            log.take(.line(line))
        }
        #expect(log.sentence == "2/3 RUN pip install -r requirements.txt")
        log.take(.line(" ---> Running in 0123456789ab"))
        for number in 1...30 { log.take(.line("\u{1b}[31mline \(number)\u{1b}[0m\u{7}")) }
        #expect(log.sentence == "2/3 RUN pip install -r requirements.txt · line 30")
        let failure = log.failure("The command '/bin/sh -c pip install' returned a non-zero code: 1")
        let lines = failure.split(separator: "\n")
        #expect(lines.first == "building the image failed at step 2/3 RUN pip install -r requirements.txt")
        #expect(lines.dropFirst().first == "line 11")
        #expect(lines.last == "The command '/bin/sh -c pip install' returned a non-zero code: 1")

        log.take(.line("[2/2] STEP 3/3: COPY . ."))
        #expect(log.sentence == "3/3 COPY . .")
        log.take(.pull("pulling: 3 of 40 MiB"))
        #expect(log.sentence == "3/3 COPY . . · pulling: 3 of 40 MiB")
        #expect(log.count == "3")
    }

    @Test(arguments: [("hello", "hello"), ("My__Agent_", "my_agent"), ("A1", "a1")])
    func repositoriesOfRuntimes(_ runtime: String, _ repository: String) {
        #expect(ImageBuilder.repository(of: runtime) == "localhost/signalbox/" + repository)
    }
}
