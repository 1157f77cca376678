import CLinux
import Platform

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

#if canImport(Glibc)
import Glibc
#else
import Musl
#endif

extension SupervisorCore {
    func listen(on descriptor: Descriptor) {
        listener = descriptor
        loop.watch(descriptor.number) { [unowned self] _, _ in self.assumeIsolated { $0.accept() } }
    }

    private func accept() {
        guard let listener else { return }
        let number = clinux_accept(listener.number)
        guard number >= 0 else { return }
        let socket = Descriptor(number)
        var uid: UInt32 = .max
        var pid: Int32 = 0
        let isKnown = clinux_peer(number, &uid, &pid) == 0
        guard isKnown, uid == 0 || uid == geteuid() || uid == configuration.clientUserID else {
            logger.warning("refused a connection of uid \(uid)")
            return
        }
        nextClient += 1
        let client = nextClient
        let channel = FrameChannel(socket: socket, loop: loop)
        channel.onFrame = { [unowned self] body in self.assumeIsolated { $0.receive(body, from: client) } }
        channel.onClose = { [unowned self] reason in
            self.assumeIsolated { core in
                core.clients[client] = nil
                if let reason { core.logger.debug("client \(client) of process \(pid) is gone: \(reason)") }
            }
        }
        clients[client] = channel
        channel.open()
    }

    private func receive(_ body: [UInt8], from client: Int) {
        let request: SupervisorRequest
        do {
            request = try JSONDecoder().decode(SupervisorRequest.self, from: Data(body))
        } catch {
            // Either garbage or a request that this version does not know: answer it if it has a number.
            guard let number = try? JSONDecoder().decode(Numbered.self, from: Data(body)).number else {
                clients[client]?.close("not a request")
                return
            }
            let failure = SignalboxError.validation("The supervisor does not understand this request; is it older than the server?")
            reply(SupervisorReply(number: number, failure: .init(failure)), to: client)
            return
        }
        // Answered without a detour: it is on the way of a session's first request.
        if request.verb == .openSocket {
            do {
                let socket = try openSocket(request.id, port: request.port)
                reply(SupervisorReply(number: request.number, hasDescriptor: true), to: client, descriptors: [socket])
            } catch {
                reply(SupervisorReply(number: request.number, failure: .init(error)), to: client)
            }
            return
        }
        Task {
            var answer = SupervisorReply(number: request.number)
            do {
                try await perform(request, client, &answer)
            } catch {
                answer = SupervisorReply(number: request.number, failure: .init(error))
            }
            reply(answer, to: client)
        }
    }

    private struct Numbered: Decodable { var number: UInt64 }

    private func perform(_ request: SupervisorRequest, _ client: Int, _ answer: inout SupervisorReply) async throws {
        switch request.verb {
        case .start: answer.status = try await start(request.specification)
        case .stop: await stop(request.id, grace: .milliseconds(max(0, request.graceMilliseconds ?? 15000)))
        case .pause: try await pause(request.id)
        case .resume: try await resume(request.id)
        case .image:
            let number = request.number
            let progress: @Sendable (String) async -> Void = { [weak self] text in
                await self?.reply(SupervisorReply(number: number, progress: text), to: client)
            }
            if let image = request.image { try await containers.require(image, progress: progress) }
            if let reference = request.reference { answer.image = try await containers.resolve(reference, progress: progress) }
        case .list: answer.list = list()
        case .status: answer.status = request.id.flatMap { records[$0] }.flatMap { $0.isHidden ? nil : $0.status }
        case .openSocket: break
        case .logTail: answer.text = try await logTail(request.id, bytes: request.bytes)
        case .interpreters: answer.interpreters = try await interpreters(in: request.image)
        case .forget: try await forget(request.id)
        case .shutdown: await shutdown()
        }
    }

    private func reply(_ reply: SupervisorReply, to client: Int, descriptors: [Descriptor] = []) {
        guard let channel = clients[client] else { return }
        do {
            channel.send(Array(try JSONEncoder().encode(reply)), descriptors: descriptors)
        } catch {
            channel.close("a reply can't be encoded: \(error)")
        }
    }

    /// Tells every client that a sandbox ended.
    func announce(_ id: String, _ exit: SandboxExit) {
        let event = SupervisorReply(exited: .init(id: id, exit: exit))
        for client in clients.keys { reply(event, to: client) }
    }

    func close() {
        for channel in clients.values { channel.close() }
        stopListening()
    }

    func stopListening() {
        guard let listener else { return }
        unlink(configuration.socketPath)
        loop.unwatch(listener.number)
        listener.close()
        self.listener = nil
    }
}
