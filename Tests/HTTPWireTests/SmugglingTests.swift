import Testing

/// Promise 13: of whatever is ambiguous, the other side sees exactly one request or none.
@Suite struct SmugglingTests {
    static let host = "Host: a\r\n"

    @Test(arguments: [
        ("CL.TE", "POST / HTTP/1.1\r\n\(host)Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nX"),
        ("TE.CL", "POST / HTTP/1.1\r\n\(host)Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n"),
        ("two lengths", "POST / HTTP/1.1\r\n\(host)Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc"),
        ("two different lengths", "POST / HTTP/1.1\r\n\(host)Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"),
        ("length list", "POST / HTTP/1.1\r\n\(host)Content-Length: 3, 3\r\n\r\nabc"),
        ("signed length", "POST / HTTP/1.1\r\n\(host)Content-Length: +3\r\n\r\nabc"),
        ("negative length", "POST / HTTP/1.1\r\n\(host)Content-Length: -3\r\n\r\nabc"),
        ("hex length", "POST / HTTP/1.1\r\n\(host)Content-Length: 0x3\r\n\r\nabc"),
        ("huge length", "POST / HTTP/1.1\r\n\(host)Content-Length: 99999999999999999999\r\n\r\nabc"),
        ("unknown coding", "POST / HTTP/1.1\r\n\(host)Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
        ("odd coding", "POST / HTTP/1.1\r\n\(host)Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
        ("identity", "POST / HTTP/1.1\r\n\(host)Transfer-Encoding: identity\r\n\r\n"),
        ("two codings", "POST / HTTP/1.1\r\n\(host)Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        ("coding with vertical tab", "POST / HTTP/1.1\r\n\(host)Transfer-Encoding: \u{0B}chunked\r\n\r\n0\r\n\r\n"),
        ("coding in 1.0", "POST / HTTP/1.0\r\n\(host)Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        ("space before colon", "POST / HTTP/1.1\r\n\(host)Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n"),
        ("space before colon of length", "POST / HTTP/1.1\r\n\(host)Content-Length : 3\r\n\r\nabc"),
        ("obs-fold", "POST / HTTP/1.1\r\n\(host)Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n"),
        ("obs-fold in value", "GET / HTTP/1.1\r\n\(host)X-A: b\r\n c\r\n\r\n"),
        ("bare LF", "GET / HTTP/1.1\n\(host)\n"),
        ("bare LF after a field", "GET / HTTP/1.1\r\nHost: a\nX-B: c\r\n\r\n"),
        ("bare LF ends the head", "GET / HTTP/1.1\r\nHost: a\r\n\n"),
        ("bare CR", "GET / HTTP/1.1\r\nHost: a\rX-B: c\r\n\r\n"),
        ("NUL in value", "GET / HTTP/1.1\r\n\(host)X-A: b\0c\r\n\r\n"),
        ("NUL in name", "GET / HTTP/1.1\r\n\(host)X\0A: b\r\n\r\n"),
        ("NUL in target", "GET /\0 HTTP/1.1\r\n\(host)\r\n"),
        ("no colon", "GET / HTTP/1.1\r\n\(host)X-A\r\n\r\n"),
        ("empty name", "GET / HTTP/1.1\r\n\(host): b\r\n\r\n"),
        ("two hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
        ("no host", "GET / HTTP/1.1\r\nX-A: b\r\n\r\n"),
        ("host list", "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n"),
        ("host with path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"),
        ("empty host", "GET / HTTP/1.1\r\nHost:\r\n\r\n"),
        ("absolute form", "GET http://b/ HTTP/1.1\r\n\(host)\r\n"),
        ("fragment", "GET /#a HTTP/1.1\r\n\(host)\r\n"),
        ("no version", "GET /\r\n\(host)\r\n"),
        ("HTTP/2", "GET / HTTP/2.0\r\n\(host)\r\n"),
        ("HTTP/1.2", "GET / HTTP/1.2\r\n\(host)\r\n"),
        ("preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        ("unknown method", "GE(T / HTTP/1.1\r\n\(host)\r\n"),
        ("chunk size sign", "POST / HTTP/1.1\r\n\(host)Transfer-Encoding: chunked\r\n\r\n+3\r\nabc\r\n0\r\n\r\n"),
        ("chunk size 0x", "POST / HTTP/1.1\r\n\(host)Transfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n"),
        ("chunk size overflow", "POST / HTTP/1.1\r\n\(host)Transfer-Encoding: chunked\r\n\r\n10000000000000003\r\nabc\r\n0\r\n\r\n"),
        ("chunk bare LF", "POST / HTTP/1.1\r\n\(host)Transfer-Encoding: chunked\r\n\r\n3\nabc\n0\n\n"),
        ("chunk without its end", "POST / HTTP/1.1\r\n\(host)Transfer-Encoding: chunked\r\n\r\n3\r\nabcX0\r\n\r\n"),
        ("expectation", "POST / HTTP/1.1\r\n\(host)Expect: 200-maybe\r\nContent-Length: 0\r\n\r\n"),
    ])
    func refused(_ name: String, _ bytes: String) throws {
        for pieces in [false, true] {
            let harness = try Harness()
            // The rest of what the attacker hopes to smuggle.
            let all = bytes + "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
            if pieces {
                for byte in all.utf8 { harness.send(bytes: [byte]) }
            } else {
                harness.send(all)
            }
            #expect(!harness.requests.contains { $0.isComplete && $0.head.uri == "/smuggled" }, "\(name)")
            #expect(!harness.requests.contains { $0.isComplete }, "\(name): \(harness.requests.map(\.head))")
            #expect(harness.statuses.count == 1 && (400..<600).contains(harness.statuses[0]), "\(name): \(harness.output)")
            #expect(harness.output.contains("connection: close"))
            harness.advance(.seconds(4))
            #expect(!harness.isOpen, "\(name)")
        }
    }

    @Test func chunkExtensionsAndTrailersEndOneRequest() throws {
        let harness = try Harness()
        harness.send("POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;x=\"y\"\r\nabc\r\n0\r\nX-Trailer: 1\r\n\r\n")
        #expect(harness.requests.map(\.body) == ["abc"])
        #expect(harness.statuses == [200])
        #expect(harness.isOpen)
    }

    @Test func limits() throws {
        let long = String(repeating: "a", count: 17 * 1024)
        let target = try Harness()
        target.send("GET /\(long) HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(target.statuses == [414])

        let head = try Harness()
        head.send("GET / HTTP/1.1\r\nHost: a\r\nX-A: \(long)\r\nX-B: \(long)\r\n\r\n")
        #expect(head.statuses == [431])

        let many = try Harness()
        many.send("GET / HTTP/1.1\r\nHost: a\r\n" + String(repeating: "X-A: b\r\n", count: 100) + "\r\n")
        #expect(many.statuses == [431])

        let endless = try Harness()
        for _ in 0..<64 where endless.isOpen { endless.send("X" + String(repeating: "a", count: 1024)) }
        #expect(endless.statuses.count == 1)
        #expect(endless.requests.isEmpty)
    }
}
