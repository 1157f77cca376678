import DockerClient

/// What a build has said, in the words of Docker and Podman: which step it is at, and the end of what that step printed.
struct BuildLog: Sendable {
    /// Lines of a failed step that an error quotes.
    static let quoted = 20

    /// `2/5 RUN pip install …`; nil before the first.
    private(set) var step: String?
    /// `5`: how many steps there are.
    private(set) var count: String?
    private var lines: [String] = []
    private var pull: String?

    mutating func take(_ output: BuildOutput) {
        switch output {
        case .pull(let sentence): pull = sentence
        case .line(let line):
            pull = nil
            let line = Self.printable(line)
            if let (number, instruction) = Self.step(line) {
                step = "\(number) \(instruction)"
                count = number.split(separator: "/").last.map(String.init)
                lines = []
            } else if !Self.isNoise(line) {
                lines.append(line)
                if lines.count > Self.quoted { lines.removeFirst() }
            }
        }
    }

    /// For the progress line.
    var sentence: String {
        let step = step ?? "starting"
        let detail = pull ?? lines.last
        return Self.shortened(step, 60) + (detail.map { " · " + Self.shortened($0, 60) } ?? "")
    }

    /// What failed, with the step's own output.
    func failure(_ reason: String) -> String {
        let place = step.map { " at step \($0)" } ?? ""
        // Podman prints the reason as well.
        let quote = lines.filter { !$0.contains(reason) }
        return (["building the image failed\(place)"] + quote + [reason]).joined(separator: "\n")
    }

    /// `Step 2/5 : RUN x` of Docker, `STEP 2/5: RUN x` of Podman, `[1/2] STEP 2/5: RUN x` where there are stages.
    private static func step(_ line: String) -> (String, String)? {
        guard let match = line.wholeMatch(of: #/(?:\[\d+/\d+\] )?(?:Step|STEP) (\d+/\d+) ?: (.*)/#) else { return nil }
        return (String(match.1), String(match.2))
    }

    /// Layers and intermediate containers.
    private static func isNoise(_ line: String) -> Bool {
        line.hasPrefix(" --->") || line.hasPrefix("--> ") || line.hasPrefix("Removing intermediate container")
    }

    private static func shortened(_ text: String, _ length: Int) -> String {
        text.count <= length ? text : text.prefix(length - 1) + "…"
    }

    /// Without what would steer a terminal: colours and the like of a build's programs.
    private static func printable(_ line: String) -> String {
        let plain = line.replacing(#/\u{1b}\[[0-9;?]*[ -\/]*[@-~]/#, with: "")
        return String(String.UnicodeScalarView(plain.unicodeScalars.filter { $0.value >= 0x20 && !(0x7f...0x9f).contains($0.value) }))
    }
}
