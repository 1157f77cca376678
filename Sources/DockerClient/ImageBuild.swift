public import NIOCore
import NIOHTTP1

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// What a build says on its way.
public enum BuildOutput: Sendable, Equatable {
    /// A line that the engine or a program of the build printed, without its end.
    case line(String)
    /// How far the pull of a base image is: a sentence.
    case pull(String)
}

extension DockerClient {
    /// Builds a Dockerfile. Returns the image's id, `sha256:…`. Throws ``DockerError/failed(_:)`` with the failing step's
    /// own reason, and as it is what `context` throws.
    ///
    /// - Parameters:
    ///   - dockerfile: its path in the context.
    ///   - registries: for base images, by ``RegistryCredentials/key``.
    ///   - context: the next piece of a tar archive, `nil` at its end.
    ///   - output: called with all that the build says, in order.
    public func imageBuild(
        dockerfile: String, tag: String, arguments: [String: String] = [:], labels: [String: String] = [:],
        registries: [String: RegistryCredentials] = [:], timeout: Duration,
        context: @escaping @Sendable () async throws -> ByteBuffer?, output: (BuildOutput) async -> Void
    ) async throws -> String {
        let encoder = JSONEncoder()
        func text(_ values: [String: String]) throws -> String { String(decoding: try encoder.encode(values), as: UTF8.self) }
        var headers: [(String, String)] = []
        if !registries.isEmpty { headers.append(("X-Registry-Config", try RegistryCredentials.header(of: registries))) }
        let response = try await stream(
            .POST, "/build",
            query: [
                ("dockerfile", dockerfile), ("t", tag), ("buildargs", try text(arguments)), ("labels", try text(labels)), ("rm", "true"),
                ("forcerm", "true"),
            ], headers: headers, body: .tar(context), timeout: timeout)
        var id: String?
        var lines = LineAssembler()
        var layers = LayerProgress()
        var told = ContinuousClock.now - .seconds(1)
        try await messages(response) { message in
            if let built = message.auxiliary?.id { id = built }
            for line in lines.append(message.stream ?? "") { await output(.line(line)) }
            guard message.status != nil else { return }
            layers.take(message)
            guard ContinuousClock.now - told >= .milliseconds(300), let sentence = layers.sentence else { return }
            told = ContinuousClock.now
            await output(.pull(sentence))
        }
        if let line = lines.rest() { await output(.line(line)) }
        // Not every version tells the id.
        if id == nil { id = try await imageInspect(tag)?.id }
        guard let id else { throw DockerError.unexpected("the build ended without an image") }
        return id.hasPrefix("sha256:") ? id : "sha256:" + id
    }
}

/// Whole lines from pieces that end anywhere.
struct LineAssembler {
    /// A line that is longer is cut into several.
    static let longest = 1 << 14

    private var pending = ""

    /// The lines that end in this piece. Blank ones are left out.
    mutating func append(_ piece: String) -> [String] {
        var lines: [String] = []
        for scalar in piece.unicodeScalars {
            if scalar == "\n" {
                if let line = rest() { lines.append(line) }
            } else {
                pending.unicodeScalars.append(scalar)
                if pending.utf8.count >= Self.longest, let line = rest() { lines.append(line) }
            }
        }
        return lines
    }

    /// The line that has not ended yet, if anything stands in it.
    mutating func rest() -> String? {
        defer { pending = "" }
        // A progress bar rewrites its line; the last state counts.
        let states = pending.unicodeScalars.split(separator: "\r").map { String(String.UnicodeScalarView($0)) }
        return states.last { !$0.allSatisfy(\.isWhitespace) }
    }
}
