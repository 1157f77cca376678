/// Makes sandboxes. One folder per engine.
protocol SandboxEngine: Sendable {
    /// As a specification names it.
    static var name: String { get }

    /// Starts the sandbox's processes. Called on a thread that may block and that never ends; throws
    /// `SignalboxError` with a sentence for the caller.
    func launch(_ request: LaunchRequest) throws -> LaunchedSandbox
}

/// What the supervisor prepared for a sandbox.
struct LaunchRequest: Sendable {
    /// What the engine's own processes are called in the host's list (``Orphans``).
    var marker: String
    var specification: SandboxSpecification
    /// On the host: writable for the agent.
    var work: String
    /// To be entered before the agent's first instruction.
    var cgroup: Cgroup
    /// Host uid and gid for the agent; `nil`: the supervisor's own.
    var userID: UInt32?
    /// Standard output and error.
    var output: Descriptor
    /// Limits to set on the processes themselves, where no cgroup does it.
    var limitsMemory: Bool
    var limitsProcesses: Bool
    /// `resolv.conf` of a sandbox that gets a way out: its agent waits until the gate is opened. `nil`: it gets none.
    var resolver: String?
}

struct LaunchedSandbox: Sendable {
    /// Child of the supervisor whose end is the agent's end and whose exit code is the agent's.
    var processID: Int32
    var handle: Descriptor
    /// Where the engine tells, as JSON, the host's number of the sandbox's first process (`child-pid`).
    var information: Descriptor
    /// A byte written lets the agent begin. `nil`: it begins by itself.
    var gate: Descriptor?
}
