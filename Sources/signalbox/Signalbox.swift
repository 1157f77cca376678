import ArgumentParser
import Configuration
import ServiceLifecycle

@main
struct Signalbox: AsyncParsableCommand {
    func run() async throws {}
}
