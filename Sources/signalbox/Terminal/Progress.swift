import Synchronization

/// Steps of a long command, shown on standard error as `✓ step` lines.
///
/// On a terminal the running step has a moving line with its state and age; elsewhere it is
/// announced every ten seconds, so that a log shows that something still goes on.
struct Progress: Sendable {
    private let terminal: Terminal
    private let isShown: Bool

    init(terminal: Terminal = .standardError, isShown: Bool = true) {
        self.terminal = terminal
        self.isShown = isShown
    }

    /// What a running step can say about itself.
    final class Step: Sendable {
        fileprivate let state = Mutex<(title: String, detail: String)>(("", ""))

        fileprivate init(_ title: String) { state.withLock { $0.title = title } }

        /// What is happening right now: "CREATING", "12 of 30 MiB".
        func update(_ detail: String) { state.withLock { $0.detail = detail } }

        /// The words of the ✓ line, when they should say what came out.
        func conclude(_ title: String) {
            state.withLock { state in
                state.title = title
                state.detail = ""
            }
        }

        fileprivate var line: String {
            state.withLock { $0.detail.isEmpty ? $0.title : "\($0.title): \($0.detail)" }
        }
        fileprivate var title: String { state.withLock { $0.title } }
    }

    /// Runs `body` as a step; ✓ when it returns, ✗ when it throws.
    func step<Value: Sendable>(_ title: String, _ body: (Step) async throws -> Value) async rethrows -> Value {
        let step = Step(title)
        let ticker = isShown ? Task { await tick(step) } : nil
        do {
            let value = try await body(step)
            ticker?.cancel()
            await ticker?.value
            write("✓ " + step.title)
            return value
        } catch {
            ticker?.cancel()
            await ticker?.value
            write("✗ " + step.title)
            throw error
        }
    }

    /// A line that needs no work: `✓ http://127.0.0.1:4747`.
    func done(_ text: String) { write("✓ " + text) }

    private func write(_ line: String) {
        guard isShown else { return }
        terminal.setStatus(nil)
        terminal.writeLine(line)
    }

    private func tick(_ step: Step) async {
        let frames = Array("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏")
        let start = ContinuousClock.now
        var count = 0
        while !Task.isCancelled {
            let seconds = (ContinuousClock.now - start).components.seconds
            if terminal.isInteractive {
                let age = seconds >= 2 ? " (\(seconds) s)" : ""
                terminal.setStatus("\(frames[count % frames.count]) \(step.line)\(age)")
            } else if count > 0, count % 100 == 0 {
                terminal.writeLine("… \(step.line) (\(seconds) s)")
            }
            count += 1
            // Cancelled sleep ends the loop at its next turn.
            try? await Task.sleep(for: .milliseconds(100))
        }
        terminal.setStatus(nil)
    }
}
