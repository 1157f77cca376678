import AgentCoreModel
import Synchronization
import Testing

@testable import Client

@Suite struct CallTests {
    private func connection(_ url: String) -> Connection {
        Connection(
            url: url, region: "us-east-1", credential: Credential(accessKeyID: "AKIA", secretAccessKey: "secret"),
            account: "123456789012")
    }

    @Test func listsGoThroughAllPages() async throws {
        let received = try await withFakeServer { request in
            request.parameter("nextToken") == nil
                ? .json(#"{"agentRuntimes":[{"agentRuntimeName":"a"}],"nextToken":"x/=y"}"#)
                : .json(#"{"agentRuntimes":[{"agentRuntimeName":"b","agentRuntimeId":"b-1","agentRuntimeArn":"arn"}]}"#)
        } _: { url in
            try await SignalboxClient.with(connection(url)) { client in
                let names = try await client.runtimeList().map { $0["agentRuntimeName"]?.string }
                #expect(names == ["a", "b"])
                let found = try await client.runtimeFind(name: "b")
                #expect(found == RuntimeHandle(id: "b-1", arn: "arn", name: "b"))
                let error = await #expect(throws: ClientError.self) { try await client.runtimeResolve("c") }
                #expect(error?.description == "no runtime is named 'c'; there are: a, b")
            }
        }
        #expect(received[0].method == "POST")
        #expect(received[0].path == "/runtimes/")
        #expect(received[1].query == "nextToken=x%2F%3Dy")
        #expect(received[0].header("content-type") == nil)
        #expect(received[0].header("authorization")?.hasPrefix("AWS4-HMAC-SHA256 Credential=AKIA/") == true)
    }

    @Test func changesCarryAToken() async throws {
        let received = try await withFakeServer { _ in
            .json("{}", status: 202)
        } _: { url in
            try await SignalboxClient.with(connection(url)) { client in
                _ = try await client.runtimeUpdate("a-0123456789", ["description": "x"])
                _ = try await client.endpointRollback("a-0123456789", "prod", stopSessions: true)
                _ = try await client.endpointDelete("a-0123456789", "prod")
            }
        }
        #expect(
            received.map(\.path) == [
                "/runtimes/a-0123456789/", "/_signalbox/v1/runtimes/a-0123456789/runtime-endpoints/prod/rollback",
                "/runtimes/a-0123456789/runtime-endpoints/prod/",
            ])
        #expect(received.map(\.method) == ["PUT", "POST", "DELETE"])
        let rollback = try JSONValue(parsing: received[1].body)
        #expect(rollback["stopSessions"]?.bool == true)
        #expect(rollback["clientToken"]?.string?.count == 36)
        #expect(received[2].parameter("clientToken")?.count == 36)
    }

    @Test func refusalsAreOneClearLine() async throws {
        _ = try await withFakeServer { request in
            switch request.path {
            case "/runtimes/json-0123456789/":
                .json(
                    #"{"message":"It is being updated."}"#, status: 409,
                    headers: ["x-amzn-errortype": "ConflictException:http://x", "x-amzn-requestid": "r-1"])
            case "/runtimes/bare-0123456789/": Reply(status: 418)
            default:
                Reply(
                    status: 403, headers: ["x-amz-request-id": "r-2"],
                    chunks: [
                        "<Error><Code>AccessDenied</Code><Message>Not &lt;yours&gt; &amp;amp;</Message></Error>"
                    ])
            }
        } _: { url in
            try await SignalboxClient.with(connection(url)) { client in
                let first = await #expect(throws: ClientError.self) { try await client.runtimeFetch("json-0123456789") }
                #expect(first?.description == "ConflictException: It is being updated. (HTTP 409, request r-1)")
                let second = await #expect(throws: ClientError.self) { try await client.runtimeFetch("bare-0123456789") }
                #expect(second?.description == "HTTP 418: no explanation was given (HTTP 418)")
                let third = await #expect(throws: ClientError.self) {
                    try await client.objectPut("b", "k", size: 1, read: { _ in [1] })
                }
                #expect(third?.description == "AccessDenied: Not <yours> &amp; (HTTP 403, request r-2)")
            }
        }
    }

    @Test func nobodyThereIsToldAtOnce() async throws {
        // New tries would go on until the call's own deadline, after a minute.
        let start = ContinuousClock.now
        try await SignalboxClient.with(connection("http://127.0.0.1:1"), connectTimeout: .hours(1)) { client in
            let error = await #expect(throws: ClientError.self) { try await client.runtimeList() }
            #expect(error?.description == "nothing answers at http://127.0.0.1:1: connection refused")
        }
        #expect(ContinuousClock.now - start < .seconds(50))
    }

    @Test func unavailableIsTriedAgain() async throws {
        let count = Mutex(0)
        let received = try await withFakeServer { _ in
            let attempt = count.withLock { count in
                count += 1
                return count
            }
            return attempt == 1 ? .json(#"{"message":"away"}"#, status: 503) : .json(#"{"interpreters":{"PYTHON_3_11":"3.11.2"}}"#)
        } _: { url in
            try await SignalboxClient.with(connection(url)) { client in
                let interpreters = try await client.interpreters()
                #expect(interpreters == ["PYTHON_3_11": "3.11.2"])
            }
        }
        #expect(received.count == 2)
    }

    @Test func failureReasonsAreTold() async throws {
        _ = try await withFakeServer { _ in
            .json(#"{"status":"UPDATE_FAILED","failureReason":"no main.py"}"#)
        } _: { url in
            try await SignalboxClient.with(connection(url)) { client in
                let error = await #expect(throws: ClientError.self) { try await client.endpointWait("a-0123456789", "prod") }
                #expect(error == .failed("endpoint prod is UPDATE_FAILED: no main.py"))
            }
        }
    }

    @Test func invocationsStreamBytesAndHeaders() async throws {
        let arn = "arn:aws:bedrock-agentcore:us-east-1:123456789012:runtime/a-0123456789"
        let received = try await withFakeServer { _ in
            Reply(
                headers: ["content-type": "text/event-stream", "x-amzn-bedrock-agentcore-runtime-session-id": "s-1"],
                chunks: ["data: 1\n\n", "data: 2\n\n"])
        } _: { url in
            try await SignalboxClient.with(connection(url)) { client in
                let request = InvocationRequest(
                    qualifier: "prod", sessionID: "s-1", contentType: "application/json", accept: "text/event-stream",
                    payload: Array("{}".utf8))
                var head: InvocationHead?
                var text: [UInt8] = []
                try await client.invoke(RuntimeHandle(id: "a-0123456789", arn: arn), request, onHead: { head = $0 }) { text += $0 }
                #expect(head == InvocationHead(sessionID: "s-1", contentType: "text/event-stream"))
                #expect(String(decoding: text, as: UTF8.self) == "data: 1\n\ndata: 2\n\n")
            }
        }
        #expect(received[0].path == "/runtimes/\(PercentEncoding.encode(arn))/invocations")
        #expect(received[0].query == "qualifier=prod")
        #expect(received[0].header("accept") == "text/event-stream")
        #expect(received[0].header("x-amzn-bedrock-agentcore-runtime-session-id") == "s-1")
        #expect(received[0].body == Array("{}".utf8))
    }

    @Test func largeObjectsGoInParts() async throws {
        let size = 2 * SignalboxClient.partSize + 3
        let received = try await withFakeServer { request in
            if request.method == "HEAD" { return Reply(status: 404) }
            if request.method == "POST", request.query.hasPrefix("uploads") {
                return Reply(chunks: ["<InitiateMultipartUploadResult><UploadId>u/1</UploadId></InitiateMultipartUploadResult>"])
            }
            return Reply(headers: ["etag": "\"\(request.body.count)\""])
        } _: { url in
            try await SignalboxClient.with(connection(url)) { client in
                try await client.bucketEnsure("deployments")
                var left = size
                var progress: [Int64] = []
                try await client.objectPut("deployments", "a/b c.zip", size: Int64(size)) { count in
                    let piece = min(count, left)
                    left -= piece
                    return [UInt8](repeating: 7, count: piece)
                } onProgress: {
                    progress.append($0)
                }
                #expect(progress == [8 << 20, 16 << 20, Int64(size)])
            }
        }
        #expect(received.map(\.method) == ["HEAD", "PUT", "POST", "PUT", "PUT", "PUT", "POST"])
        #expect(received.map(\.path)[1...2] == ["/_s3/deployments", "/_s3/deployments/a/b%20c.zip"])
        #expect(received.dropFirst(3).prefix(3).map(\.body.count) == [8 << 20, 8 << 20, 3])
        #expect(received[3].parameter("uploadId") == "u%2F1")
        #expect(String(decoding: received[6].body, as: UTF8.self).contains("<Part><PartNumber>3</PartNumber><ETag>\"3\"</ETag></Part>"))
        #expect(received[3].header("x-amz-content-sha256")?.count == 64)
    }

    /// A server of ours says what it does; another one, or AWS, does not know the question and is asked once.
    @Test(arguments: [true, false])
    func waitingTellsWhatTheServerDoes(_ isTold: Bool) async throws {
        let count = Mutex(0)
        let seen = Mutex<[String]>([])
        let received = try await withFakeServer { request in
            if request.path == "/_signalbox/v1/runtimes/a-0123456789/preparation" {
                return isTold ? .json(#"{"preparation":"pulling: 3 of 40 MiB"}"#) : .json("{}", status: 404)
            }
            let turn = count.withLock { count in
                count += 1
                return count
            }
            return .json(turn < 3 ? #"{"status":"UPDATING"}"# : #"{"status":"READY"}"#)
        } _: { url in
            try await SignalboxClient.with(connection(url)) { client in
                _ = try await client.runtimeWait("a-0123456789") { sentence in seen.withLock { $0.append(sentence) } }
            }
        }
        let sentence = isTold ? "UPDATING, pulling: 3 of 40 MiB" : "UPDATING"
        #expect(seen.withLock { $0 } == [sentence, sentence, "READY"])
        #expect(received.filter { $0.path.hasSuffix("/preparation") }.count == (isTold ? 2 : 1))
    }
}
