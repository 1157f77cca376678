import AgentCoreModel
import Foundation
import Metrics
import Platform
import Synchronization
import TestSupport
import Testing

@testable import Server

private typealias Call = SignedServer.Call

/// The exporter by itself, and what real requests leave on its page.
struct MetricsTests {
    /// Dashboards and alerts depend on each of these lines: change one on purpose or not at all.
    static let golden = """
        signalbox_http_requests_total counter plane operation code
        signalbox_http_request_duration_seconds histogram plane operation
        signalbox_http_replies_cut_total counter
        signalbox_http_connections gauge
        signalbox_http_connections_refused_total counter
        signalbox_invocation_first_byte_seconds histogram
        signalbox_invocation_duration_seconds histogram
        signalbox_invocations_in_flight gauge
        signalbox_sessions gauge
        signalbox_sessions_started_total counter
        signalbox_sessions_ended_total counter reason
        signalbox_session_start_duration_seconds histogram outcome
        signalbox_route_cache_entries gauge
        signalbox_route_cache_misses_total counter result
        signalbox_transition_duration_seconds histogram transition outcome
        signalbox_work_items gauge kind state
        signalbox_work_oldest_seconds gauge kind
        signalbox_work_failures_total counter kind
        signalbox_audit_dropped_total counter
        signalbox_build_info gauge schema build
        signalbox_ready gauge
        signalbox_postgres_up gauge
        signalbox_postgres_connections gauge state
        signalbox_postgres_waiting gauge
        signalbox_postgres_pipelined_in_flight gauge
        signalbox_postgres_listeners gauge state
        signalbox_supervisor_connected gauge
        signalbox_sandboxes gauge state
        process_cpu_seconds_total counter
        process_resident_memory_bytes gauge
        process_virtual_memory_bytes gauge
        process_start_time_seconds gauge
        process_open_fds gauge
        process_max_fds gauge
        """

    @Test func namesAreTheGoldenOnes() {
        let found = MetricCatalog.all.map { ([$0.name, $0.kind.name] + $0.labels).joined(separator: " ") }
        #expect(found.joined(separator: "\n") == Self.golden)
    }

    /// Conventions of Prometheus: base units, `_total` for counters and for them alone.
    @Test func namesSayTheirUnit() {
        for metric in MetricCatalog.all {
            #expect(metric.name.hasSuffix("_total") == (metric.kind == .counter), "\(metric.name)")
            if case .histogram(let buckets) = metric.kind {
                #expect(
                    metric.name.hasSuffix("_seconds") && buckets == buckets.sorted() && Set(buckets).count == buckets.count,
                    "\(metric.name)")
            }
            #expect(metric.help.hasSuffix(".") && !metric.help.contains("\n"), "\(metric.name)")
            #expect(Set(metric.labels).isDisjoint(with: ["runtime", "session", "account", "key", "le"]), "\(metric.name)")
        }
        #expect(Set(MetricCatalog.all.map(\.name)).count == MetricCatalog.all.count)
    }

    @Test func theDocumentHasThemAll() throws {
        let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../docs/operations.md")
        let text = try String(contentsOf: file, encoding: .utf8)
        let rows = text.split(separator: "\n").filter { $0.hasPrefix("| `signalbox_") || $0.hasPrefix("| `process_") }
        let expected = MetricCatalog.all.map { metric in
            "| `\(metric.name)` | \(metric.kind.name) | \(metric.labels.joined(separator: ", ")) | \(metric.help) |"
        }
        #expect(rows.map(String.init) == expected)
    }

    @Test func everyRouteHasItsOperation() async throws {
        try await SignedServer.with { server async throws in
            let own =
                ControlRoute.own(.init(store: server.store), interpreters: { [:] }) + server.observability.routes
                + AccessRoutes(store: server.store, authenticator: server.authenticator).routes
            for route in ControlRoute.model(.init(store: server.store)) + own {
                let operation = RequestOperation(action: route.action)
                #expect(operation != .unknown && route.action.hasSuffix(":" + operation.name), "\(route.action)")
            }
            for operation in Operation.all { #expect(RequestOperation(operation.name).plane == operation.plane.rawValue) }
        }
    }

    private static let definitions = [
        MetricDefinition("things_total", .counter, "Backslash \\ and\nline.", labels: ["kind"]),
        MetricDefinition("level", .gauge, "A level."),
        MetricDefinition("took_seconds", .histogram(buckets: [0.5, 1, 2.5]), "What it took."),
    ]

    @Test func textFormat() async {
        let registry = MetricRegistry(Self.definitions)
        Counter(label: "things_total", dimensions: [("kind", "a\"b\\c\nd")], factory: registry).increment(by: 3)
        Counter(label: "things_total", dimensions: [("kind", "a\"b\\c\nd")], factory: registry).increment()
        let level = Meter(label: "level", factory: registry)
        level.set(2.5)
        level.decrement(by: 3.0)
        let timer = Timer(label: "took_seconds", factory: registry)
        for milliseconds in [500, 501, 2500, 2501, 60_000] { timer.recordMilliseconds(milliseconds) }
        timer.recordNanoseconds(-5)
        let page = await registry.render()
        #expect(
            page == #"""
                # HELP things_total Backslash \\ and\nline.
                # TYPE things_total counter
                things_total{kind="a\"b\\c\nd"} 4
                # HELP level A level.
                # TYPE level gauge
                level -0.5
                # HELP took_seconds What it took.
                # TYPE took_seconds histogram
                took_seconds_bucket{le="0.5"} 2
                took_seconds_bucket{le="1"} 3
                took_seconds_bucket{le="2.5"} 4
                took_seconds_bucket{le="+Inf"} 6
                took_seconds_sum 66.002
                took_seconds_count 6

                """#)
        for (number, text) in [(0, "0"), (1e20, "1e+20"), (.infinity, "+Inf"), (-.infinity, "-Inf"), (0.25, "0.25")] as [(Double, String)] {
            #expect(MetricText.number(number) == text)
        }
        #expect(MetricText.number(.nan) == "NaN")
    }

    @Test func nothingIsLostWhenManyCount() async {
        let registry = MetricRegistry(Self.definitions)
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    let counter = Counter(label: "things_total", dimensions: [("kind", "x")], factory: registry)
                    let timer = Timer(label: "took_seconds", factory: registry)
                    let level = Meter(label: "level", factory: registry)
                    for _ in 0..<5000 {
                        counter.increment()
                        timer.recordMilliseconds(700)
                        level.increment()
                    }
                }
            }
        }
        let page = await registry.render()
        #expect(page.contains("things_total{kind=\"x\"} 40000\n") && page.contains("\nlevel 40000\n"))
        #expect(page.contains("took_seconds_bucket{le=\"0.5\"} 0\n") && page.contains("took_seconds_count 40000\n"))
    }

    @Test func processStatistics() {
        // With a name that tries to look like the rest.
        let text = "1234 (a) R 1 b) S 1 2 3 4 5 6 7 8 9 10 150 50 0 0 20 0 9 0 777 4096000 25 18446744073709551615 1\n"
        let values = ProcessMetrics.Statistics(text)
        #expect(values == .init(text) && values?.user == 150 && values?.system == 50 && values?.start == 777)
        #expect(values?.virtualBytes == 4_096_000 && values?.residentPages == 25)
        #expect(ProcessMetrics.Statistics("nothing") == nil && ProcessMetrics.Statistics("1 (a) S 1 2") == nil)
        let found = Dictionary(uniqueKeysWithValues: ProcessMetrics.readings().map { ($0.name, $0.value) })
        #expect(found.count == 6 && found.values.allSatisfy { $0 > 0 })
        let age = Date().timeIntervalSince1970 - (found["process_start_time_seconds"] ?? 0)
        #expect(age > -2 && age < 86_400)
    }

    @Test func requestsAreCounted() async throws {
        try await SignedServer.with { server async throws in
            _ = try await server.send(Call("POST", "/runtimes/"))
            _ = try await server.send(Call("GET", "/runtimes/nobody-0123456789/").with { $0.role = .viewer })
            _ = try await server.send(Call("GET", "/runtimes/nobody-0123456789/").with { $0.isSigned = false })
            _ = try await server.send(Call("GET", "/_s3/"))
            _ = try await server.send(Call("POST", "/runtimes/nobody-0123456789/invocations"))
            _ = try await server.send(Call("GET", "/healthz").with { $0.isSigned = false })
            let unsigned = try await server.send(Call("GET", "/_signalbox/v1/metrics").with { $0.isSigned = false })
            #expect(unsigned.outcome == "403 MissingAuthenticationTokenException")
            let expected = [
                #"signalbox_http_requests_total{plane="control",operation="ListAgentRuntimes",code="200"} 1"#,
                #"signalbox_http_requests_total{plane="control",operation="GetAgentRuntime",code="404"} 1"#,
                #"signalbox_http_requests_total{plane="none",operation="Unknown",code="403"} 2"#,
                #"signalbox_http_requests_total{plane="objects",operation="ListBuckets",code="200"} 1"#,
                #"signalbox_http_requests_total{plane="data",operation="InvokeAgentRuntime",code="404"} 1"#,
                #"signalbox_http_requests_total{plane="own",operation="Health",code="200"} 1"#,
                #"signalbox_http_request_duration_seconds_count{plane="control",operation="ListAgentRuntimes"} 1"#,
            ]
            // A request is counted when its answer is out, which its client may see first.
            try await eventually {
                let page = await server.registry.render()
                return expected.allSatisfy(page.contains)
            }
            let reply = try await server.send(Call("GET", "/_signalbox/v1/metrics").with { $0.role = .viewer })
            #expect(reply.status == 200 && reply.field("content-type") == "text/plain; version=0.0.4; charset=utf-8")
            for line in expected { #expect(reply.text.contains(line + "\n"), "\(line)") }
            try Self.check(reply.text)
            #expect(!reply.text.contains("0123456789") && !reply.text.contains(TestTenant.account))
        }
    }

    /// Every line is what the format's description allows, and every sample belongs to a metric named above it.
    static func check(_ page: String) throws {
        let sample = /([a-zA-Z_:][a-zA-Z0-9_:]*)(\{(?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\["\\n])*",?)+\})? (\S+)/
        var metric = ""
        #expect(page.hasSuffix("\n"))
        for line in page.split(separator: "\n") {
            if line.hasPrefix("# HELP ") || line.hasPrefix("# TYPE ") {
                metric = String(line.split(separator: " ")[2])
                continue
            }
            let match = try #require(line.wholeMatch(of: sample), "\(line)")
            let suffixes = ["", "_bucket", "_sum", "_count"]
            #expect(suffixes.contains { metric + $0 == match.1 }, "\(line)")
            #expect(Double(match.3) != nil || ["+Inf", "-Inf", "NaN"].contains(match.3), "\(line)")
        }
    }

    @Test func aPortOfItsOwn() async throws {
        let registry = MetricRegistry()
        let listener = MetricsListener(registry)
        let port = try await listener.start(host: "127.0.0.1", port: 0).port ?? 0
        let replies = try await onThread {
            try ["GET /metrics", "HEAD /metrics", "GET /metrics?x=1", "POST /metrics", "GET /", "GET /_signalbox/v1/status"].map {
                request in
                let client = try RawClient(port: port)
                client.send("\(request) HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n")
                return try #require(request.hasPrefix("HEAD") ? client.head() : client.response())
            }
        }
        await listener.shutdown()
        #expect(replies.map(\.status) == [200, 200, 200, 405, 404, 404])
        #expect(replies[0].field("content-type") == MetricText.contentType && replies[0].text.contains("# TYPE signalbox_sessions gauge\n"))
        try Self.check(replies[0].text)
    }
}
