import Platform

extension SandboxSpecification {
    /// Refuses what could reach outside the sandbox's own directory or break the command line.
    func check() throws(SignalboxError) {
        func refuse(_ message: String) -> SignalboxError { .validation("sandbox: \(message)") }
        let letters = id.utf8.allSatisfy { byte in
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || byte == UInt8(ascii: "-")
                || byte == UInt8(ascii: "_")
        }
        guard letters, (1...64).contains(id.utf8.count), id.utf8.first != UInt8(ascii: "-"), id.utf8.first != UInt8(ascii: "_")
        else { throw refuse("the id '\(id.prefix(80))' is not 1 to 64 letters, digits, '-' or '_'") }
        switch engine {
        case BubblewrapEngine.name:
            guard image == nil else { throw refuse("\(engine) takes no image") }
            guard let program = command.first, !program.isEmpty else { throw refuse("no command") }
        case ContainerEngine.name:
            guard let image, image.id.hasPrefix("sha256:"), image.id.utf8.count == 71 else { throw refuse("no image") }
            guard command.first?.isEmpty != true else { throw refuse("an empty program") }
        default: throw refuse("there is no engine '\(engine)'")
        }
        // bubblewrap takes 9,000 arguments at most, three for each variable.
        guard command.count <= 1000, environment.count <= 2000 else { throw refuse("too many arguments or variables") }
        for text in command + environment.keys + environment.values + [bundle ?? ""] where text.utf8.contains(0) {
            throw refuse("a NUL byte in the command, environment or bundle")
        }
        for name in environment.keys where name.isEmpty || name.utf8.contains(UInt8(ascii: "=")) {
            throw refuse("'\(name)' can't be the name of an environment variable")
        }
        if let bundle, !bundle.hasPrefix("/") || !System.isDirectory(bundle) {
            throw refuse("the bundle \(bundle) is not a directory")
        }
        guard limits.memoryBytes >= 4 << 20 else { throw refuse("less than 4 MiB of memory") }
        guard limits.cpus > 0, limits.cpus.isFinite, limits.cpus <= 100_000 else { throw refuse("cpus must be above 0") }
        guard limits.pids >= 4 else { throw refuse("fewer than 4 processes: two belong to the sandbox itself") }
        guard limits.temporaryBytes >= 0, limits.logBytes >= 0 else { throw refuse("a negative size") }
    }
}
