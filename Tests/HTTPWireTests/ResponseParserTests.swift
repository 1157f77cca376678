import NIOCore
import Testing

@testable import HTTPWire

@Suite struct ResponseParserTests {
    struct Outcome: Equatable {
        var status = 0
        var body = ""
        var ended = false
        var fault: String?
    }

    /// Parses with every size of piece from one byte to the whole, which must make no difference.
    private func parse(_ text: String, finish: Bool = false, answersHead: Bool = false) -> Outcome {
        var outcomes: [Outcome] = []
        for size in [1, 2, 3, 7, max(1, text.utf8.count)] {
            var parser = ResponseParser()
            parser.startResponse(answersHead: answersHead)
            var outcome = Outcome()
            var bytes = Array(text.utf8)[...]
            do throws(WireFault) {
                while !bytes.isEmpty {
                    parser.append(ByteBuffer(bytes: bytes.prefix(size)))
                    bytes = bytes.dropFirst(size)
                    events: while true {
                        switch try parser.next() {
                        case .needMore: break events
                        case .head(let head): outcome.status = head.status
                        case .body(let body): outcome.body += String(buffer: body)
                        case .end: outcome.ended = true
                        }
                    }
                }
                if finish, parser.finish() { outcome.ended = true }
            } catch {
                outcome.fault = error.reason
                outcome.body = ""
            }
            outcomes.append(outcome)
        }
        for outcome in outcomes { #expect(outcome == outcomes[0], "\(text)") }
        return outcomes[0]
    }

    @Test func framings() {
        #expect(parse("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello") == Outcome(status: 200, body: "hello", ended: true))
        #expect(parse("HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n") == Outcome(status: 200, ended: true))
        #expect(
            parse("HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n3\r\nabc\r\n2;e=1\r\nde\r\n0\r\nT: 1\r\n\r\n")
                == Outcome(status: 200, body: "abcde", ended: true))
        #expect(parse("HTTP/1.0 200 OK\r\n\r\nabc", finish: true) == Outcome(status: 200, body: "abc", ended: true))
        #expect(parse("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", finish: true) == Outcome(status: 200, body: "hel"))
        #expect(parse("HTTP/1.1 204 No Content\r\n\r\n") == Outcome(status: 204, ended: true))
        #expect(parse("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", answersHead: true) == Outcome(status: 200, ended: true))
        #expect(
            parse("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx")
                == Outcome(status: 200, body: "x", ended: true))
    }

    @Test(arguments: [
        "HTTP/1.1 200 OK\nContent-Length: 0\n\n",
        "HTTP/1.1 200 OK\r\nA: b\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1,1\r\n\r\nx",
        "HTTP/1.1 200 OK\r\nA : b\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA: b\0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA: b\rc\r\n\r\n",
        "HTTP/1.1 20 OK\r\n\r\n",
        "HTTP/2.0 200 OK\r\n\r\n",
        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcX\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\nabc\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-3\r\nabc\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\r\nabc\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1000000000000000\r\nabc\r\n",
        "garbage\r\n\r\n",
        "\r\n\r\n",
    ])
    func faults(_ text: String) {
        let outcome = parse(text)
        #expect(outcome.fault != nil && !outcome.ended, "\(text)")
    }

    @Test func endlessHeadIsAFault() {
        #expect(parse("HTTP/1.1 200 OK\r\nA: " + String(repeating: "x", count: 70_000)).fault != nil)
    }

    @Test func fieldsAndKeepAlive() throws {
        var parser = ResponseParser()
        parser.append(
            ByteBuffer(string: "HTTP/1.1 200 OK\r\nContent-TYPE: \t text/plain \r\nConnection: Close\r\nContent-Length: 0\r\n\r\nleft"))
        guard case .head(let head) = try parser.next() else {
            Issue.record("no head")
            return
        }
        #expect(head.text("content-type") == "text/plain")
        #expect(head.text("x-none") == nil)
        #expect(!head.keepAlive)
        guard case .end = try parser.next() else {
            Issue.record("no end")
            return
        }
        #expect(parser.hasLeftover)
    }
}
