import AgentCoreModel
import Foundation
import Platform
import SigV4
import TestSupport
import Testing

@testable import Server

private typealias Call = SignedServer.Call

/// From the listener to the use cases and back, with real signatures and a real database.
struct ControlRoutesTests {
    @Test func everyModelledOperationHasItsRoute() async throws {
        try await SignedServer.with { server async throws in
            let routes = ControlRoute.model(.init(store: server.store))
            let expected = Operation.all.filter { $0.plane == .control }.map { "\($0.method) \($0.path) \($0.successStatus)" }
            let found = routes.map { route in
                guard case .template(let path) = route.path else { return "" }
                return "\(route.method) \(path) \(route.status)"
            }
            #expect(found.sorted() == expected.sorted())
        }
    }

    @Test func everyOperationOfOursHasItsRoute() async throws {
        try await SignedServer.with { server async throws in
            let routes =
                ControlRoute.own(.init(store: server.store), interpreters: { [:] }) + server.observability.routes
                + AccessRoutes(store: server.store, authenticator: server.authenticator).routes
            let found = routes.map { route in
                guard case .template(let path) = route.path else { return "" }
                return "\(route.method) \(path) \(route.status) \(route.action)"
            }
            let expected = Operation.own.map { "\($0.method) \($0.path) \($0.successStatus) signalbox:\($0.name)" }
            #expect(found.sorted() == expected.sorted())
        }
    }

    @Test func describesItself() async throws {
        try await SignedServer.with { server async throws in
            let document = try await server.send(Call("GET", "/_signalbox/v1/openapi.json"))
            #expect(document.status == 200 && document.field("content-type") == "application/json")
            #expect(document.json == OpenAPI.document(server: "/"))
            let page = try await server.send(Call("GET", "/_signalbox/v1/reference"))
            #expect(page.status == 200 && page.field("content-type") == "text/html; charset=utf-8")
            #expect(page.field("content-security-policy")?.hasPrefix("default-src 'none'") == true)
            // Whole: the document is in it, and nothing in it ends the script that holds it.
            #expect(page.text.hasSuffix("</html>\n") && page.text.contains(#""operationId":"CreateAgentRuntime""#))
            #expect(!page.text.contains("{{DOCUMENT}}") && page.text.components(separatedBy: "</script>").count == 3)
            for word in ["https://", "src=", "@import", "url("] {
                #expect(!page.text.components(separatedBy: "<script type=")[0].contains(word), "\(word)")
            }
        }
    }

    @Test func bodiesAreJSON() async throws {
        try await SignedServer.with { server async throws in
            let target = "/runtimes/a-0123456789/runtime-endpoints/"
            for type in ["application/json", "Application/JSON; charset=utf-8", "application/x-amz-json-1.1", ""] {
                let call = Call("PUT", target, #"{"name":"prod"}"#).with { $0.headers = type.isEmpty ? [] : [("Content-Type", type)] }
                #expect(try await server.send(call).outcome == "404 ResourceNotFoundException", "\(type)")
            }
            for type in ["text/xml", "application/x-www-form-urlencoded", "application/jsonp"] {
                let call = Call("PUT", target, #"{"name":"prod"}"#).with { $0.headers = [("Content-Type", type)] }
                #expect(try await server.send(call).outcome == "415 UnsupportedMediaTypeException", "\(type)")
            }
            // Where no body is looked at, its type isn't either.
            let list = Call("POST", "/runtimes/", "x").with { $0.headers = [("Content-Type", "text/plain")] }
            #expect(try await server.send(list).status == 200)
        }
    }

    @Test func bearerTokensAreAnotherMethod() async throws {
        try await SignedServer.with { server async throws in
            for (method, target) in [("POST", "/runtimes/"), ("POST", "/runtimes/a-0123456789/invocations")] {
                let call = Call(method, target).with {
                    $0.isSigned = false
                    $0.headers = [("Authorization", "Bearer abc")]
                }
                let reply = try await server.send(call)
                #expect(reply.outcome == "403 AccessDeniedException" && reply.text.contains("Authorization method mismatch"))
            }
        }
    }

    @Test func openRoutesAreOpen() async throws {
        try await SignedServer.with { server async throws in
            let health = try await server.send(Call("GET", "/healthz").with { $0.isSigned = false })
            #expect(health.status == 200 && health.text == "ok\n")
            let ready = try await server.send(Call("GET", "/readyz").with { $0.isSigned = false })
            #expect(
                ready.status == 200
                    && ready.text == #"{"parts":{"database":{"message":"A sentence.","ready":true,"state":"up"}},"status":"ready"}"#)
            server.isReady.withLock { $0 = false }
            let away = try await server.send(Call("GET", "/readyz").with { $0.isSigned = false })
            #expect(away.status == 503 && away.field("retry-after") == "1" && away.text.contains("not ready"))
            let head = try await server.send(Call("HEAD", "/healthz").with { $0.isSigned = false })
            #expect(head.status == 200 && head.field("content-length") == "3")
            let put = try await server.send(Call("PUT", "/healthz").with { $0.isSigned = false })
            #expect(put.outcome == "405 UnknownOperationException" && put.field("allow") == "GET, HEAD")
        }
    }

    @Test func withoutASignatureAllAreAlike() async throws {
        try await SignedServer.with { server async throws in
            var targets = Operation.all.map { operation in
                (
                    operation.method,
                    operation.path.description.replacing("{agentRuntimeId}", with: "a-0123456789").replacing("{endpointName}", with: "prod")
                        .replacing("{agentRuntimeArn}", with: "a-0123456789")
                )
            }
            targets += [
                ("POST", "/_signalbox/v1/runtimes/a-0123456789/runtime-endpoints/prod/rollback"), ("GET", "/_signalbox/v1/interpreters"),
                ("GET", "/_signalbox/v1/metrics"), ("GET", "/_signalbox/v1/status"), ("GET", "/_signalbox/v1/audit"),
                ("GET", "/_signalbox/v1/audit/sessions/x"), ("GET", "/_signalbox/v1/nothing"), ("GET", "/"), ("PATCH", "/runtimes/"),
                ("HEAD", "/runtimes/"),
                ("GET", "/healthz/"), ("GET", "//healthz"), ("GET", "/_s3x"),
            ]
            for (method, target) in targets {
                let reply = try await server.send(Call(method, target).with { $0.isSigned = false })
                #expect(reply.outcome == "403 MissingAuthenticationTokenException", "\(method) \(target)")
                #expect(reply.field("www-authenticate") == nil)
            }
            for method in ["GET", "PUT", "PATCH", "HEAD"] {
                #expect(try await server.send(Call(method, "/_s3/bucket/key").with { $0.isSigned = false }).status == 403, "\(method)")
            }
            // Before the body: it never comes.
            let port = server.port
            let early = try await onThread {
                let client = try RawClient(port: port)
                client.send("PUT /runtimes/ HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n{")
                return client.response()
            }
            #expect(early?.outcome == "403 MissingAuthenticationTokenException")
        }
    }

    @Test func signaturesAreVerified() async throws {
        try await SignedServer.with { server async throws in
            let list = Call("POST", "/runtimes/?maxResults=5")
            let good = try await server.send(list)
            #expect(good.status == 200 && good.text == #"{"agentRuntimes":[]}"#)
            #expect(good.field("content-type") == "application/json" && good.field("x-amzn-requestid")?.count == 36)
            #expect(try await server.send(list.with { $0.secret = "wrong" }).outcome == "403 InvalidSignatureException")
            #expect(try await server.send(list.with { $0.service = "s3" }).outcome == "403 InvalidSignatureException")
            let token = list.with { $0.headers = [("X-Amz-Security-Token", "x")] }
            #expect(try await server.send(token).outcome == "403 UnrecognizedClientException")
            let changed = Call("PUT", "/runtimes/", #"{"a":1}"#).with { $0.sentBody = Array(#"{"a":2}"#.utf8) }
            #expect(try await server.send(changed).outcome == "403 InvalidSignatureException")
        }
    }

    @Test func declaredHashes() async throws {
        try await SignedServer.with { server async throws in
            let body = #"{"name":"prod"}"#
            func declaring(_ hash: String) -> Call {
                Call("PUT", "/runtimes/a-0123456789/runtime-endpoints/", body).with {
                    $0.headers = [("x-amz-content-sha256", hash)]
                    $0.payloadHash = hash
                }
            }
            #expect(try await server.send(declaring(ContentHash.sha256(of: Array(body.utf8)))).outcome == "404 ResourceNotFoundException")
            for hash in [ContentHash.emptySHA256, "UNSIGNED-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "x"] {
                #expect(try await server.send(declaring(hash)).outcome == "403 InvalidSignatureException", "\(hash)")
            }
        }
    }

    @Test func bodiesHaveALimit() async throws {
        try await SignedServer.with { server async throws in
            let limit = RequestAuthentication.maximumBody
            let whole = try await server.send(Call("PUT", "/runtimes/", String(repeating: " ", count: limit)))
            #expect(whole.status == 400 && whole.text.contains("CannotParse"))
            let over = Call("PUT", "/runtimes/", String(repeating: " ", count: limit + 1))
            #expect(try await server.send(over).outcome == "413 ValidationException")
            let chunked = over.with {
                $0.headers = [("Transfer-Encoding", "chunked")]
                $0.sendsLength = false
                $0.sentBody = Array((String(limit + 1, radix: 16) + "\r\n").utf8) + $0.body + Array("\r\n0\r\n\r\n".utf8)
            }
            #expect(try await server.send(chunked).outcome == "413 ValidationException")
        }
    }

    @Test func unknownPathsAndMethods() async throws {
        try await SignedServer.with { server async throws in
            for target in ["/", "/nothing", "/runtimes", "/runtimes/a-0123456789/nothing/", "/_signalbox/v1/", "/_s3x", "/runtimes//"] {
                let reply = try await server.send(Call("GET", target))
                let isKnown = target == "/runtimes"
                #expect(reply.outcome == (isKnown ? "405" : "404") + " UnknownOperationException", "\(target)")
                #expect(reply.text.contains("message"))
            }
            let patch = try await server.send(Call("PATCH", "/runtimes/a-0123456789/", "{}"))
            #expect(patch.outcome == "405 UnknownOperationException" && patch.field("allow") == "GET, PUT, DELETE")
            let get = try await server.send(Call("GET", "/runtimes/a-0123456789/stopruntimesession"))
            #expect(get.outcome == "405 UnknownOperationException" && get.field("allow") == "POST")
            let head = try await server.send(Call("HEAD", "/runtimes/a-0123456789/"))
            #expect(head.status == 405)
        }
    }

    @Test func requestsReachTheirUseCases() async throws {
        try await SignedServer.with { server async throws in
            let c = OperationContext.test()
            let runtime = try await server.store.testRuntime(c)
            let path = "/runtimes/\(runtime.runtime.runtimeID)"
            for target in [path, path + "/", path + "?version=1", path + "/?version=1"] {
                let reply = try await server.send(Call("GET", target))
                #expect(reply.status == 200 && reply.json?["agentRuntimeVersion"]?.string == "1", "\(target)")
            }
            let created = try await server.send(
                Call("PUT", path + "/runtime-endpoints", #"{"name":"invocations","agentRuntimeVersion":"1"}"#))
            #expect(created.status == 202)
            let endpoint = try await server.send(Call("GET", path + "/runtime-endpoints/invocations/"))
            #expect(endpoint.status == 200 && endpoint.json?["name"]?.string == "invocations")
            let list = try await server.send(Call("POST", path + "/runtime-endpoints/?maxResults=10"))
            #expect(list.json?["runtimeEndpoints"]?.array?.count == 2)
            #expect(try await server.send(Call("GET", path + "?version=%zz")).outcome == "400 ValidationException")
            #expect(try await server.send(Call("GET", path + "?version=0")).outcome == "400 ValidationException")
            #expect(try await server.send(Call("GET", "/runtimes/nobody-0123456789/")).outcome == "404 ResourceNotFoundException")
            #expect(try await server.send(Call("GET", "/runtimes/nobody/")).outcome == "400 ValidationException")
            #expect(try await server.send(Call("DELETE", "/runtimes/nobody/")).outcome == "404 ResourceNotFoundException")
        }
    }

    @Test func rolesDecide() async throws {
        try await SignedServer.with { server async throws in
            let runtime = try await server.store.testRuntime(.test())
            let path = "/runtimes/\(runtime.runtime.runtimeID)/"
            let session = [("X-Amzn-Bedrock-AgentCore-Runtime-Session-Id", String(repeating: "s", count: 33))]
            let calls: [(Call, [Principal.Role])] = [
                (Call("GET", path), Principal.Role.allCases), (Call("POST", "/runtimes/"), Principal.Role.allCases),
                (Call("GET", "/_signalbox/v1/interpreters"), Principal.Role.allCases),
                (Call("POST", path + "stopruntimesession").with { $0.headers = session }, [.admin, .operator, .invoker]),
                (Call("PUT", path, "not even JSON"), [.admin, .operator]),
                (Call("DELETE", path + "runtime-endpoints/none/"), [.admin, .operator]),
                (Call("POST", "/_signalbox/v1\(path)runtime-endpoints/prod/rollback"), [.admin, .operator]),
            ]
            for (call, allowed) in calls {
                for role in Principal.Role.allCases {
                    let reply = try await server.send(call.with { $0.role = role })
                    #expect((reply.status != 403) == allowed.contains(role), "\(role) \(call.method) \(call.target): \(reply.text)")
                    if reply.status == 403 { #expect(reply.error == "AccessDeniedException") }
                }
            }
            let denied = try await server.send(Call("PUT", path).with { $0.role = .viewer })
            let viewer = try server.key(.viewer).keyID
            #expect(denied.text.contains("User: \(viewer) is not authorized to perform: bedrock-agentcore:UpdateAgentRuntime"))
        }
    }

    @Test func stoppingASession() async throws {
        try await SignedServer.with { server async throws in
            let arn = "arn:aws:bedrock-agentcore:us-east-1:\(TestTenant.account):runtime/a-0123456789"
            let session = ("x-amzn-bedrock-agentcore-runtime-session-id", String(repeating: "s", count: 33))
            for agent in [PercentEncoding.encode(arn), arn, "a-0123456789"] {
                for end in ["", "/", "?qualifier=prod"] {
                    let call = Call("POST", "/runtimes/\(agent)/stopruntimesession\(end)", "{}").with { $0.headers = [session] }
                    let reply = try await server.send(call)
                    #expect(reply.outcome == "404 ResourceNotFoundException", "\(call.target)")
                    #expect(reply.text.contains("No endpoint or agent found with qualifier"))
                }
            }
            let target = "/runtimes/a-0123456789/stopruntimesession"
            #expect(try await server.send(Call("POST", target)).outcome == "400 ValidationException")
            let short = try await server.send(Call("POST", target).with { $0.headers = [(session.0, "short")] })
            #expect(short.outcome == "400 ValidationException" && short.text.contains("runtimeSessionId"))
            let token = try await server.send(Call("POST", target, #"{"clientToken":"short"}"#).with { $0.headers = [session] })
            #expect(token.outcome == "400 ValidationException" && token.text.contains("clientToken"))
            let nobody = try await server.send(Call("POST", "/runtimes/nobody/stopruntimesession").with { $0.headers = [session] })
            #expect(nobody.outcome == "400 ValidationException")
        }
    }

    @Test func ownRoutes() async throws {
        try await SignedServer.with { server async throws in
            let interpreters = try await server.send(Call("GET", "/_signalbox/v1/interpreters"))
            #expect(interpreters.status == 200 && interpreters.text == #"{"interpreters":{"PYTHON_3_11":"3.11.2"}}"#)
            let runtime = try await server.store.testRuntime(.test())
            let endpoints = "/_signalbox/v1/runtimes/\(runtime.runtime.runtimeID)/runtime-endpoints"
            for body in [
                #"{"stopSession":true}"#, #"{"stopSessions":"yes"}"#, #"{"stopSessions":null}"#, "[]", "{", #"{"clientToken":"short"}"#,
                #"{"agentRuntimeVersion":"1"}"#,
            ] {
                let reply = try await server.send(Call("POST", endpoints + "/DEFAULT/rollback", body))
                #expect(reply.outcome == "400 ValidationException", "\(body) \(reply.text)")
            }
            for body in ["", "{}", #"{"stopSessions":true,"clientToken":"\#(Identifier.uuid())"}"#] {
                // Nothing was live before.
                #expect(
                    try await server.send(Call("POST", endpoints + "/DEFAULT/rollback", body)).outcome == "409 ConflictException", "\(body)"
                )
            }
            #expect(try await server.send(Call("POST", endpoints + "/nothere/rollback/")).outcome == "404 ResourceNotFoundException")
            #expect(try await server.send(Call("POST", endpoints + "/not-a-name/rollback")).outcome == "400 ValidationException")
            #expect(try await server.send(Call("GET", endpoints + "/DEFAULT/rollback")).outcome == "405 UnknownOperationException")
            let version = try await server.store.testVersion(.test(), of: runtime.runtime)
            try await server.store.testFlip(.test(), endpoint: runtime.endpoint.id, to: version.version)
            let done = try await server.send(Call("POST", endpoints + "/DEFAULT/rollback"))
            #expect(
                done.status == 202 && done.json?["rollbackTo"]?.string == "1" && done.json?["liveVersion"]?.string == "2", "\(done.text)")
        }
    }
}
