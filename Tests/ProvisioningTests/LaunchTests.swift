import AgentCoreModel
import Foundation
import Platform
import TestSupport
import Testing

@testable import Provisioning

@Suite("Launch commands and sentences")
struct LaunchTests {
    /// The command for an entry point in a bundle with these files, or the refusal.
    func command(_ entryPoint: [String], _ files: [String: String]) throws -> [String] {
        let bundle = NSTemporaryDirectory() + "/bundle-" + Identifier.alphanumeric(8)
        defer { try? FileManager.default.removeItem(atPath: bundle) }
        for (name, text) in files {
            let url = URL(fileURLWithPath: bundle + "/" + name)
            try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(text.utf8).write(to: url)
        }
        do throws(SignalboxError) {
            return try LaunchCommand(interpreter: "PY", bundle: bundle).arguments(entryPoint)
        } catch {
            return [error.message]
        }
    }

    @Test("Entry points")
    func entryPoints() throws {
        let files = ["main.py": "", "src/app.py": "", "bin/uvicorn": "#!/x/python\n", "bin/native": "\u{7f}ELF"]
        #expect(try command(["main.py"], files) == ["PY", "main.py"])
        #expect(try command(["src/app.py", "--flag"], files) == ["PY", "src/app.py", "--flag"])
        #expect(try command(["python", "main.py"], files) == ["PY", "main.py"])
        #expect(try command(["uvicorn", "main:app"], files) == ["PY", "bin/uvicorn", "main:app"])
        #expect(try command(["native", "x"], files) == ["/var/task/bin/native", "x"])
        let script = files.merging(["bin/opentelemetry-instrument": "#!/x"]) { $1 }
        #expect(try command(["opentelemetry-instrument", "main.py"], script) == ["PY", "bin/opentelemetry-instrument", "PY", "main.py"])
        let package = files.merging(["opentelemetry/instrumentation/auto_instrumentation/__init__.py": ""]) { $1 }
        #expect(try command(["opentelemetry-instrument", "main.py"], package).suffix(2) == ["PY", "main.py"])
        #expect(try command(["opentelemetry-instrument", "main.py"], files)[0].contains("aws-opentelemetry-distro"))
        #expect(try command(["opentelemetry-instrument", "none.py"], script)[0].contains("'none.py' is not in the zip"))
        for bad in ["../main.py", "/etc/passwd.py", "-c.py", "main.py\0.py"] {
            #expect(try command([bad], files)[0].contains("must be a path inside the zip"))
        }
        #expect(try command(["main.py"], [:])[0].contains("not in the zip"))
    }

    @Test("Sentences keep their beginning and the log's end")
    func bounded() {
        #expect(FailureSentence.bounded("short") == "short")
        let long = FailureSentence.bounded("begin " + String(repeating: "ü", count: 5000) + " end")
        #expect(long.utf8.count <= 1024 && long.hasPrefix("begin ") && long.hasSuffix(" end") && long.contains("…"))
        #expect(
            FailureSentence.noInterpreter(.python3_13, found: ["PYTHON_3_9", "PYTHON_3_11"])
                == "PYTHON_3_13: no such interpreter in the sandbox; found 3.9, 3.11")
        #expect(FailureSentence.noInterpreter(.python3_10, found: []).hasSuffix("found none"))
    }

    @Test("Where agents listen")
    func contracts() {
        #expect(AgentContract(nil).port == 8080 && AgentContract(nil).healthPath == "/ping")
        let mcp = AgentContract(ProtocolConfiguration(serverProtocol: .mcp))
        #expect(mcp.port == 8000 && mcp.healthPath == nil && mcp.invocationPath == "/mcp")
        #expect(AgentContract(ProtocolConfiguration(serverProtocol: .a2a, port: 9500)).port == 9500)
    }
}
