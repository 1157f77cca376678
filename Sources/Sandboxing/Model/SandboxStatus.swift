#if canImport(FoundationEssentials)
public import FoundationEssentials
#else
public import Foundation
#endif

/// How a sandbox ended.
public struct SandboxExit: Codable, Sendable, Equatable {
    /// The agent's exit code, `nil` when a signal ended it.
    public var code: Int?
    /// The signal that ended it. A code of 128 + n is taken for signal n, as shells do.
    public var signal: Int?
    /// The kernel killed for want of memory within the sandbox's limit.
    public var outOfMemory: Bool
    /// `stop` was asked for.
    public var stopped: Bool
    /// For people: "the agent exited with code 1", "killed: out of memory (limit 512 MiB)".
    public var sentence: String

    public init(code: Int?, signal: Int?, outOfMemory: Bool, stopped: Bool, sentence: String) {
        self.code = code
        self.signal = signal
        self.outOfMemory = outOfMemory
        self.stopped = stopped
        self.sentence = sentence
    }
}

public enum SandboxState: Codable, Sendable, Equatable {
    case starting
    case running
    /// Frozen: it keeps its memory and gets no processor time. Connections into it wait.
    case paused
    /// Asked to stop, or ended while not all of it is gone.
    case stopping
    /// Nothing of it is left but its log, until `forget`.
    case exited(SandboxExit)

    public var exit: SandboxExit? {
        if case .exited(let exit) = self { exit } else { nil }
    }
}

public struct SandboxStatus: Codable, Sendable, Equatable {
    public var id: String
    public var labels: [String: String]
    public var state: SandboxState
    public var startedAt: Date
    /// On the host: the process that stands for the sandbox. `nil` before it runs and after it ended.
    public var processID: Int32?
    /// What the host could not enforce, for people: limits without cgroups.
    public var warning: String?

    public init(
        id: String, labels: [String: String], state: SandboxState, startedAt: Date, processID: Int32? = nil,
        warning: String? = nil
    ) {
        self.id = id
        self.labels = labels
        self.state = state
        self.startedAt = startedAt
        self.processID = processID
        self.warning = warning
    }
}

/// What a supervisor's client is told without asking.
public enum SandboxEvent: Sendable, Equatable {
    /// The sandbox ended and its resources are free.
    case exited(id: String, SandboxExit)
    /// The supervisor does not answer any more. Its sandboxes may be gone.
    case lost
    /// A supervisor answers again, perhaps another one: `list` says what it has.
    case reconnected
}
