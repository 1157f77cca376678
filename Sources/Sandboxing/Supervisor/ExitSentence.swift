#if canImport(Glibc)
import Glibc
#else
import Musl
#endif

extension SandboxExit {
    /// - Parameters:
    ///   - code: of bubblewrap outside, which hands on the agent's: 128 + n for signal n.
    ///   - signal: that ended bubblewrap itself, the sandbox with it.
    init(code: Int?, signal: Int?, outOfMemoryKills: Int, stopped: Bool, limits: SandboxLimits) {
        var code = code
        var signal = signal
        if let shown = code, shown > 128, shown <= 128 + 64 {
            signal = shown - 128
            code = nil
        }
        // A killed child alone is the agent's affair, unless the agent failed over it.
        let outOfMemory = outOfMemoryKills > 0 && (signal == Int(SIGKILL) || (code ?? 0) != 0) && !stopped
        let sentence =
            if outOfMemory {
                "killed: out of memory (limit \(Self.size(limits.memoryBytes)))"
            } else if let signal {
                stopped ? "stopped (\(Self.name(signal)))" : "the agent was killed by \(Self.name(signal))"
            } else {
                stopped ? "stopped (exit code \(code ?? 0))" : "the agent exited with code \(code ?? 0)"
            }
        self.init(code: code, signal: signal, outOfMemory: outOfMemory, stopped: stopped, sentence: sentence)
    }

    static let reaped = SandboxExit(
        code: nil, signal: Int(SIGKILL), outOfMemory: false, stopped: false,
        sentence: "ended with its supervisor, which was killed or restarted")

    private static func name(_ signal: Int) -> String {
        let names: [Int32: String] = [
            SIGHUP: "SIGHUP", SIGINT: "SIGINT", SIGQUIT: "SIGQUIT", SIGILL: "SIGILL", SIGABRT: "SIGABRT",
            SIGBUS: "SIGBUS", SIGFPE: "SIGFPE", SIGKILL: "SIGKILL", SIGSEGV: "SIGSEGV", SIGPIPE: "SIGPIPE",
            SIGALRM: "SIGALRM", SIGTERM: "SIGTERM", SIGUSR1: "SIGUSR1", SIGUSR2: "SIGUSR2", SIGSYS: "SIGSYS",
        ]
        return names[Int32(signal)] ?? "signal \(signal)"
    }

    private static func size(_ bytes: Int64) -> String {
        bytes % (1 << 30) == 0 ? "\(bytes >> 30) GiB" : "\(bytes >> 20) MiB"
    }
}
