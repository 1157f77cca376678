import Logging
import NIOCore
import NIOSSL
import NIOTLS
import Platform
import Synchronization

#if canImport(Glibc)
import Glibc
#endif

/// The listener's certificate and key, which may be replaced while it runs: connections made before keep the old ones.
///
/// TLS 1.2 or later, HTTP/1.1.
public final class ListenerTLS: Sendable {
    /// What tells a replaced file from the one before.
    private struct Stamp: Equatable {
        var files: [[Int]]
    }

    private struct State {
        var context: NIOSSLContext
        /// Of the files that were read last, whether they were good or not.
        var stamp: Stamp
    }

    private let certificate: String
    private let key: String
    private let logger: Logger
    private let state: Mutex<State>

    /// - Parameters:
    ///   - certificate: PEM file: the server's certificate first, then those between it and its authority.
    ///   - key: PEM file with its private key.
    public init(certificate: String, key: String, logger: Logger) throws {
        self.certificate = certificate
        self.key = key
        self.logger = logger
        let stamp = Self.stamp(certificate, key)
        state = Mutex(State(context: try Self.read(certificate, key), stamp: stamp))
    }

    var context: NIOSSLContext { state.withLock { $0.context } }

    /// Reads the files again if they changed. What can't be used is logged, and what was there before stays.
    func reload() {
        let stamp = Self.stamp(certificate, key)
        // Certificate and key are two files: between the two replacements they don't fit, and the next look finds both.
        guard
            state.withLock({ state in
                defer { state.stamp = stamp }
                return state.stamp != stamp
            })
        else { return }
        do {
            let context = try Self.read(certificate, key)
            state.withLock { $0.context = context }
            logger.notice("the listener has a new certificate", metadata: ["file": "\(certificate)"])
        } catch {
            logger.warning("the listener keeps its certificate", metadata: ["error": "\(error)"])
        }
    }

    /// Looks for new files, until cancelled.
    func run(every period: Duration = .seconds(5)) async {
        while (try? await Task.sleep(for: period)) != nil { reload() }
    }

    private static func read(_ certificate: String, _ key: String) throws -> NIOSSLContext {
        do {
            let chain = try NIOSSLCertificate.fromPEMFile(certificate)
            guard !chain.isEmpty else { throw SignalboxError.internal("it holds no certificate") }
            var configuration = TLSConfiguration.makeServerConfiguration(
                certificateChain: chain.map { .certificate($0) },
                privateKey: .privateKey(try NIOSSLPrivateKey(file: key, format: .pem)))
            configuration.minimumTLSVersion = .tlsv12
            configuration.applicationProtocols = ["http/1.1"]
            return try NIOSSLContext(configuration: configuration)
        } catch {
            throw SignalboxError(.internal, "can't use the certificate \(certificate) with the key \(key): \(error)")
        }
    }

    private static func stamp(_ paths: String...) -> Stamp {
        Stamp(
            files: paths.map { path in
                var found = stat()
                // A file that is away is a change, too; reading it says what is wrong.
                guard stat(path, &found) == 0 else { return [] }
                return [
                    Int(found.st_dev), Int(found.st_ino), Int(found.st_size), found.st_mtim.tv_sec, found.st_mtim.tv_nsec,
                    found.st_ctim.tv_sec, found.st_ctim.tv_nsec,
                ]
            })
    }

    /// Puts TLS before what `channel` will have.
    func secure(_ channel: any Channel, timeout: TimeAmount) throws {
        let pipeline = channel.pipeline.syncOperations
        try pipeline.addHandler(NIOSSLServerHandler(context: context))
        try pipeline.addHandler(HandshakeDeadline(timeout))
    }
}

/// Closes a connection whose handshake isn't over in time, however slowly its bytes come. Goes when it is.
private final class HandshakeDeadline: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer

    private let timeout: TimeAmount
    private var timer: Scheduled<Void>?

    init(_ timeout: TimeAmount) { self.timeout = timeout }

    func handlerAdded(context: ChannelHandlerContext) {
        timer = context.eventLoop.assumeIsolated().scheduleTask(in: timeout) { context.close(promise: nil) }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        context.fireUserInboundEventTriggered(event)
        guard case .handshakeCompleted = event as? TLSUserEvent else { return }
        timer?.cancel()
        context.pipeline.syncOperations.removeHandler(self, promise: nil)
    }

    func handlerRemoved(context: ChannelHandlerContext) { timer?.cancel() }
}
