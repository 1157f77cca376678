import NIOCore
import NIOEmbedded
import Testing

@testable import HTTPWire

@Suite struct ConnectionTests {
    static let get = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n"

    @Test func everyReplyHasDateRequestIdAndLength() throws {
        let harness = try Harness()
        harness.send(Self.get)
        #expect(harness.output.hasPrefix("HTTP/1.1 200 OK\r\ndate: Tue, 14 Nov 2023 22:13:20 GMT\r\nx-amzn-RequestId: "))
        #expect(harness.output.hasSuffix("\r\ncontent-length: 2\r\n\r\nok"))
        let id = harness.requests[0].reply.requestID
        #expect(id.count == 36 && id.split(separator: "-").map(\.count) == [8, 4, 4, 4, 12], "\(id)")
        #expect(Array(id)[14] == "4" && "89ab".contains(Array(id)[19]))
    }

    @Test func pipelinedRequestsAreAnsweredInOrder() throws {
        let harness = try Harness(answers: false)
        harness.send(String(repeating: Self.get, count: 3))
        #expect(harness.requests.count == 1)
        harness.requests[0].answer("one")
        #expect(harness.requests.count == 2)
        harness.requests[1].answer("two")
        harness.requests[2].answer("three")
        harness.collect()
        #expect(harness.statuses == [200, 200, 200])
        let order = ["one", "two", "three"].map { harness.output.components($0).count }
        #expect(order == [2, 2, 2])
        #expect(harness.isOpen)
    }

    @Test func badRequestAfterAGoodOneWaitsForItsAnswer() throws {
        let harness = try Harness(answers: false)
        harness.send(Self.get + "BAD\r\n\r\n")
        #expect(harness.statuses.isEmpty)
        harness.requests[0].answer("one")
        harness.collect()
        #expect(harness.statuses == [200, 400])
    }

    @Test func keepAliveRules() throws {
        for (request, stays) in [
            (Self.get, true),
            ("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", false),
            ("GET / HTTP/1.0\r\n\r\n", false),
            ("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", true),
            ("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n", false),
        ] {
            let harness = try Harness()
            harness.send(request)
            #expect(harness.statuses == [200], "\(request)")
            #expect(harness.isOpen == stays, "\(request)")
        }
    }

    @Test func headHasLengthButNoBody() throws {
        let harness = try Harness()
        harness.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(harness.output.hasSuffix("content-length: 2\r\n\r\n"))
        #expect(harness.isOpen)
    }

    @Test func expectationIsMetBeforeTheBody() throws {
        let harness = try Harness()
        harness.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
        #expect(harness.statuses == [100])
        harness.send("abc")
        #expect(harness.statuses == [100, 200])
        #expect(harness.requests[0].body == "abc")
    }

    // That it lingers shows only on a socket: DataPlaneTests.
    @Test func answerBeforeALargeBodySaysThatItCloses() throws {
        let harness = try Harness(answers: false)
        harness.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 20000000\r\n\r\nabc")
        harness.requests[0].answer("no", status: 404)
        harness.collect()
        #expect(harness.output.contains("connection: close"))
        #expect(harness.statuses == [404])
        harness.advance(.seconds(4))
        #expect(!harness.isOpen)
    }

    @Test func answerBeforeASmallBodyKeepsTheConnection() throws {
        let harness = try Harness(answers: false)
        harness.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc")
        harness.requests[0].answer("early")
        harness.send("defghij" + Self.get)
        #expect(harness.requests.count == 2)
        harness.requests[1].answer("next")
        harness.collect()
        #expect(harness.statuses == [200, 200])
        #expect(harness.isOpen)
    }

    @Test func bodyShorterOrLongerThanAnnouncedCutsTheConnection() throws {
        for text in ["a", "abcd"] {
            let harness = try Harness(answers: false)
            harness.send(Self.get)
            let reply = harness.requests[0].reply
            reply.begin(status: 200, framing: .length(3), fields: .empty)
            reply.write(ByteBuffer(string: text))
            reply.end()
            harness.collect()
            #expect(!harness.isOpen)
        }
    }

    @Test func streamIsChunkedAndUnfinishedWhenAborted() throws {
        let harness = try Harness(answers: false)
        harness.send(Self.get)
        let reply = harness.requests[0].reply
        reply.begin(status: 200, framing: .streaming, fields: .empty)
        reply.write(ByteBuffer(string: "hello"))
        reply.flush()
        harness.collect()
        #expect(harness.output.hasSuffix("transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n"))
        reply.abort()
        harness.collect()
        #expect(!harness.output.contains("\r\n0\r\n"))
        #expect(!harness.isOpen)
    }

    @Test func clientThatLeavesCancels() throws {
        let harness = try Harness(answers: false)
        harness.send(Self.get)
        try harness.channel.close().wait()
        harness.collect()
        #expect(harness.requests[0].isCancelled)
        harness.requests[0].answer("too late")
        harness.collect()
        #expect(harness.statuses.isEmpty)
    }

    @Test func halfClosedClientStillGetsAQuickAnswer() throws {
        let harness = try Harness(answers: false)
        harness.send(Self.get)
        harness.channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        harness.advance(.seconds(1))
        #expect(!harness.requests[0].isCancelled)
        harness.requests[0].answer("quick")
        harness.collect()
        #expect(harness.statuses == [200])
        #expect(!harness.isOpen)
    }

    @Test func halfClosedClientIsGoneAfterAWhile() throws {
        let harness = try Harness(answers: false)
        harness.send(Self.get)
        harness.channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        harness.advance(.seconds(4))
        #expect(harness.requests[0].isCancelled)
        #expect(!harness.isOpen)
    }

    @Test func drippedHeadIsRefusedInTotalTime() throws {
        let harness = try Harness()
        for character in "GET / HTTP/1.1\r\nHost: a\r\n" where harness.statuses.isEmpty {
            harness.send(String(character))
            harness.advance(.seconds(1))
        }
        #expect(harness.statuses == [408])
        #expect(harness.requests.isEmpty)
    }

    @Test func drippedBodyIsRefused() throws {
        let harness = try Harness(answers: false)
        harness.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n")
        for _ in 0..<40 where harness.statuses.isEmpty {
            harness.send("x")
            harness.advance(.seconds(1))
        }
        #expect(harness.statuses == [408])
        #expect(harness.requests[0].isCancelled)
    }

    @Test func steadyBodyMayTakeItsTime() throws {
        let harness = try Harness()
        harness.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n")
        for _ in 0..<60 {
            harness.send(String(repeating: "x", count: 1000))
            harness.advance(.seconds(1))
        }
        #expect(harness.statuses == [200])
    }

    @Test func idleConnectionIsClosed() throws {
        let harness = try Harness()
        harness.send(Self.get)
        harness.advance(.seconds(70))
        #expect(harness.isOpen)
        harness.advance(.seconds(10))
        #expect(!harness.isOpen)
    }

    @Test func aRequestInProgressHasNoIdleTimeout() throws {
        let harness = try Harness(answers: false)
        harness.send(Self.get)
        harness.advance(.minutes(10))
        harness.requests[0].answer("at last")
        harness.collect()
        #expect(harness.statuses == [200])
    }

    @Test func drainingFinishesWhatIsInProgress() throws {
        let busy = try Harness(answers: false)
        busy.send(Self.get)
        let promise = busy.channel.eventLoop.makePromise(of: Void.self)
        var isDrained = false
        promise.futureResult.assumeIsolated().whenSuccess { isDrained = true }
        busy.services.drain(promise)
        #expect(busy.isOpen)
        busy.requests[0].answer("last")
        busy.collect()
        #expect(busy.output.contains("connection: close"))
        #expect(!busy.isOpen)
        #expect(isDrained)
    }

    @Test func pausedReaderIsNotReadFor() throws {
        let harness = try Harness(answers: false)
        harness.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc")
        harness.requests[0].reply.setReading(false)
        // Back-pressure is ours, not the client's: no deadline runs.
        harness.advance(.minutes(2))
        #expect(harness.statuses.isEmpty)
        harness.requests[0].reply.setReading(true)
        harness.send("def")
        #expect(harness.requests[0].isComplete)
    }

    @Test func receiverThatPausesAtOnceIsWaitedFor() throws {
        let harness = try Harness(answers: false) { $0.setReading(false) }
        harness.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc")
        harness.advance(.minutes(2))
        #expect(harness.statuses.isEmpty)
        harness.requests[0].reply.setReading(true)
        harness.advance(.seconds(30))
        #expect(harness.statuses == [408])
    }

    @Test func dates() {
        #expect(DateText.format(0) == "Thu, 01 Jan 1970 00:00:00 GMT")
        #expect(DateText.format(951_782_400) == "Tue, 29 Feb 2000 00:00:00 GMT")
        #expect(DateText.format(1_709_251_199) == "Thu, 29 Feb 2024 23:59:59 GMT")
        #expect(DateText.format(4_102_444_800) == "Fri, 01 Jan 2100 00:00:00 GMT")
    }
}
