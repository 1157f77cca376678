/// An AgentCore runtime such as `PYTHON_3_11`, and the interpreter it means.
struct Interpreter: Sendable, Equatable {
    /// As on the wire.
    let runtime: String
    /// `3.11`; nil for what isn't Python.
    let pythonVersion: String?

    init(_ runtime: String) {
        self.runtime = runtime
        let parts = runtime.split(separator: "_")
        pythonVersion = parts.count == 3 && parts[0] == "PYTHON" ? "\(parts[1]).\(parts[2])" : nil
    }

    /// The newest Python among what a host offers.
    static func newest(of runtimes: some Sequence<String>) -> Interpreter? {
        runtimes.map(Interpreter.init).filter { $0.pythonVersion != nil }.max { $0.order < $1.order }
    }

    private var order: Int {
        let numbers = (pythonVersion ?? "").split(separator: ".").compactMap { Int($0) }
        return numbers.reduce(0) { $0 * 1000 + $1 }
    }
}
