import Testing

@testable import AgentCoreModel

@Suite struct PatternTests {
    private func matches(_ pattern: String, _ text: String) -> Bool {
        do {
            return try Pattern(parsing: pattern).matches(text)
        } catch {
            Issue.record("\(pattern): \(error)")
            return false
        }
    }

    @Test(arguments: [
        ("abc", "abc", true), ("abc", "abcd", false), ("abc", "xabc", false), ("", "", true), ("", "a", false),
        ("a*", "", true), ("a*", "aaaa", true), ("a+", "", false), ("a?b", "b", true), ("a{2,3}", "a", false),
        ("a{2,3}", "aaa", true), ("a{2,3}", "aaaa", false), ("a{2}", "aa", true), ("a{2,}", "aaaaa", true),
        ("(a|bc)d", "bcd", true), ("(a|bc)d", "bd", false), ("(?:ab)*", "abab", true), ("(?:ab)*", "aba", false),
        ("[a-c]", "b", true), ("[^a-c]", "b", false), ("[^a-c]", "é", true), ("[-a-z]", "-", true), ("[a-z-:]", "-", true),
        ("[a-z-:]", ":", true), ("[.-:]", "-", false), ("[.-:]", "5", true), ("[0-9-_]", "-", true), (#"[\x21\x23-\x5B]"#, "\"", false),
        (#"[\x21\x23-\x5B]"#, "#", true), (#"[\s\S]+"#, "a\n b", true), (".+", "a\nb", false), (".", "😀", true), (#"\S*"#, "a b", false),
        (#"\d{3}"#, "123", true), (#"\d{3}"#, "١٢٣", false), ("a|b|", "", true), ("^a$", "a", true), (#"[^\s?#]+"#, "a?", false),
    ])
    func matchesTheWholeText(_ pattern: String, _ text: String, _ expected: Bool) throws {
        #expect(matches(pattern, text) == expected)
    }

    @Test func aLineEndAtTheEndIsNotIgnored() throws {
        #expect(!matches("[a-z]+", "abc\n"))
        #expect(!matches("[a-z]+", "abc\r\n"))
    }

    @Test(arguments: ["(", "a)", "[a", "*", "a{", "a{x}", #"\"#, #"\q"#, "(?=a)", "[z-a]", "a{2000}"])
    func refusesWhatItDoesNotKnow(_ pattern: String) {
        #expect(throws: PatternError.self) { try Pattern(parsing: pattern) }
    }

    /// Each of these takes a backtracking engine exponential or quadratic time.
    @Test func hostileTextTakesLinearTime() throws {
        let clock = ContinuousClock()
        let took = clock.measure {
            #expect(!matches("(a+)+", String(repeating: "a", count: 20_000) + "!"))
            #expect(!matches("([a-z]+)*([a-z]+)*([a-z]+)*", String(repeating: "a", count: 20_000) + "!"))
            #expect(!RuntimeContainerUri.strict.matches("public.ecr.aws/" + String(repeating: "a.", count: 10_000) + "!"))
            #expect(!matches("[a-zA-Z0-9](-*[a-zA-Z0-9]){0,256}", String(repeating: "-", count: 60_000)))
        }
        #expect(took < .seconds(10))
    }

    @Test func theImagePatterns() {
        for image in [
            "123456789012.dkr.ecr.us-east-1.amazonaws.com/my/agent:1.0", "public.ecr.aws/a/b@sha256:abc",
        ] { #expect(RuntimeContainerUri.strict.matches(image), "\(image)") }
        #expect(!RuntimeContainerUri.strict.matches("docker.io/library/python:3.13"))
        guard case .string(_, .some(let lenient), _) = RuntimeContainerUri.schema.kind else {
            Issue.record("the schema has no pattern")
            return
        }
        for image in [
            "python", "python:3.13", "docker.io/library/python:3.13",
            "localhost:5000/a/b_c--d:x@sha256:\(String(repeating: "0", count: 64))",
            "ghcr.io/a/b", "123456789012.dkr.ecr.us-east-1.amazonaws.com/my/agent:1.0",
        ] { #expect(lenient.matches(image), "\(image)") }
        for image in ["", "-a", "a b", "A/B/", "a:", "a@", "a@sha256:xyz", "http://a/b", "a//b", "a;b"] {
            #expect(!lenient.matches(image), "\(image)")
        }
    }
}
