import ArgumentParser
import Client
import DockerClient

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// How a deployment gets its image.
struct ImageOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Image to deploy as it is, instead of a folder.", valueName: "reference")) var image: String?
    @Option(
        help: ArgumentHelp(
            "Path in the folder of the Dockerfile to build; Dockerfile or Containerfile, where there is one, if not given.",
            valueName: "file"))
    var dockerfile: String?
    @Flag(help: "Pack the folder although it has a Dockerfile.") var archive = false
    @Option(
        name: .customLong("build-arg"), help: ArgumentHelp("Argument of the build; repeatable.", valueName: "name=value"))
    var buildArguments: [String] = []
    @Option(
        help: ArgumentHelp(
            "Repository to push the built image to, with a tag or not, and to deploy it from.",
            valueName: "repository"))
    var push: String?

    func validate() throws {
        for argument in buildArguments where !argument.dropFirst().contains("=") {
            throw ValidationError("--build-arg \(argument): expected NAME=VALUE")
        }
        let build = [("--dockerfile", dockerfile != nil), ("--build-arg", !buildArguments.isEmpty), ("--push", push != nil)]
        for (option, isGiven) in build where isGiven {
            if image != nil { throw ValidationError("\(option) is for an image that is built, not for --image") }
            if archive { throw ValidationError("\(option) is for an image that is built, not for --archive") }
        }
        if image != nil, archive { throw ValidationError("--archive is for a folder") }
        if let push, push.isEmpty || push.contains("@") {
            throw ValidationError("--push \(push): expected REGISTRY/REPOSITORY or REGISTRY/REPOSITORY:TAG")
        }
    }
}

/// Folders with a Dockerfile, and images that are there already.
extension DeployCommand {
    enum Source {
        case archive(Folder)
        case build(BuildContext)
        case image(String)
    }

    func source() throws -> Source {
        if let reference = image.image {
            try refuseOptionsOfArchives("--image")
            return .image(reference)
        }
        let folder = try Folder(folder ?? ".")
        guard !image.archive, let dockerfile = image.dockerfile ?? BuildContext.dockerfile(of: folder) else {
            guard image.buildArguments.isEmpty, image.push == nil else {
                throw CommandError(usage: "\(folder.path) has no Dockerfile to build; name it by --dockerfile")
            }
            return .archive(folder)
        }
        try refuseOptionsOfArchives(dockerfile)
        return .build(try BuildContext(folder, dockerfile: dockerfile))
    }

    private func refuseOptionsOfArchives(_ what: String) throws {
        for (option, isGiven) in [("--runtime", runtime != nil), ("--entry-point", !entryPoint.isEmpty)] where isGiven {
            throw CommandError(
                usage: "\(option) is for archives, and \(what) makes this an image"
                    + (image.image == nil ? "; --archive packs the folder all the same" : ""))
        }
    }

    /// Whether the same words may mean another image tomorrow.
    func isMovable(_ source: Source) -> Bool {
        if case .image(let reference) = source { ImageReference(reference).digest == nil } else { false }
    }

    /// Builds the folder, pushes the image if that is wanted, and returns the reference to deploy: by digest always.
    func build(_ context: BuildContext, _ progress: Progress) async throws -> String {
        let settings = try await SettingsReader.load(engine, common)
        let arguments = Dictionary(
            image.buildArguments.map { entry in
                let sides = entry.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                return (String(sides[0]), String(sides[1]))
            }, uniquingKeysWith: { $1 })
        return try await ImageBuilder.with(
            host: try settings.string(.dockerHost), environment: ProcessInfo.processInfo.environment
        ) { builder in
            let repository = ImageBuilder.repository(of: name)
            let id = try await progress.step("image") { step in
                try await builder.build(context, repository: repository, arguments: arguments, step)
            }
            guard let push = image.push else { return "\(repository)@\(id)" }
            return try await progress.step("push") { step in try await builder.push(id, to: ImageReference(push), step) }
        }
    }
}
