import AgentCoreModel
import Platform
import PostgresClient
public import Store

/// The tenants that every test database has.
public enum TestTenant {
    public static let account = "123456789012"
    public static let otherAccount = "210987654321"
    public static let region = "us-east-1"
}

extension TestTemplate {
    /// The whole schema, and the two accounts of `TestTenant`.
    public static let store = TestTemplate("store") { client in
        let context = OperationContext.test()
        try await Migrator(postgres: client).migrate(context)
        // Past the store: a test's audit trail begins empty.
        _ = try await client.query(
            "insert into account (number, name) values ($1, 'test'), ($2, 'other')",
            [.text(TestTenant.account), .text(TestTenant.otherAccount)])
    }
}

extension SecretBox {
    /// The same key in every test.
    public static func test() throws -> SecretBox { try SecretBox(masterKey: Array(0..<32)) }
}

extension OperationContext {
    /// A call by an admin of `account`.
    public static func test(account: String = TestTenant.account, clock: any TimeSource = SystemTime()) -> OperationContext {
        OperationContext(
            principal: Principal(account: account, accessKeyID: "AKIATEST", role: .admin), region: TestTenant.region,
            requestID: Identifier.uuid(), logger: TestLog.logger, clock: clock)
    }
}

/// A store on a database of the test's own, with every migration and the accounts of `TestTenant`.
public func withStore<T: Sendable>(_ body: @escaping @Sendable (Store) async throws -> T) async throws -> T {
    try await TestDatabase.withDatabase(.store) { try await body(Store(postgres: $0, secrets: .test())) }
}

/// Two stores with connections of their own on one database, as two replicas have.
public func withTwoStores<T: Sendable>(_ body: @escaping @Sendable (Store, Store) async throws -> T) async throws -> T {
    try await TestDatabase.with(.store) { database in
        try await database.withClient { first in
            try await database.withClient { second in
                try await body(Store(postgres: first, secrets: .test()), Store(postgres: second, secrets: .test()))
            }
        }
    }
}

/// A runtime with its DEFAULT endpoint, as `Store.testRuntime` made it.
public struct TestRuntime: Sendable {
    public var runtime: RuntimeRecord
    public var version: VersionRecord
    public var endpoint: EndpointRecord

    public var key: RouteKey {
        RouteKey(account: runtime.account, region: runtime.region, runtimeID: runtime.runtimeID, endpointName: endpoint.name)
    }
}

extension Store {
    /// A configuration that names a zip archive.
    public static func testConfiguration(
        description: String? = nil, headers: [String]? = nil, idle: Int? = nil, lifetime: Int? = nil
    ) -> VersionConfiguration {
        var configuration = VersionConfiguration(
            agentRuntimeArtifact: AgentRuntimeArtifact(
                codeConfiguration: CodeConfiguration(
                    code: Code(s3: S3Location(bucket: "agents", prefix: "hello.zip")), runtime: .python3_11,
                    entryPoint: ["main.py"])),
            roleArn: "arn:aws:iam::123456789012:role/agent",
            lifecycleConfiguration: LifecycleConfiguration(idleRuntimeSessionTimeout: idle, maxLifetime: lifetime))
        configuration.description = description
        if let headers { configuration.requestHeaderConfiguration = RequestHeaderConfiguration(requestHeaderAllowlist: headers) }
        return configuration
    }

    /// A runtime whose version 1 is READY and live on DEFAULT.
    public func testRuntime(
        _ c: OperationContext, name: String = "agent", configuration: VersionConfiguration = testConfiguration(),
        environmentVariables: [String: String] = [:], artifact: ArtifactReference? = nil
    ) async throws -> TestRuntime {
        try await transaction(c) { tx in
            let inserted = try await runtimeInsert(c, in: tx, name: name, runtimeID: WireID.make(name: name))
            let version = try await versionAppend(
                c, in: tx, runtime: inserted, configuration: configuration, environmentVariables: environmentVariables,
                artifact: artifact)
            let endpoint = try await endpointInsert(
                c, in: tx, runtime: inserted, name: EndpointRecord.defaultName,
                endpointID: WireID.make(name: EndpointRecord.defaultName), target: 1)
            _ = try await versionTransition(c, in: tx, version: version.id, event: .prepared)
            _ = try await endpointFlip(c, in: tx, endpoint: endpoint.id, generation: endpoint.generation)
            _ = try await runtimeTransition(c, in: tx, runtime: inserted.id, event: .prepared)
            guard let runtime = try await runtimeFetch(c, in: tx, id: inserted.id),
                let ready = try await versionFetch(c, in: tx, id: version.id),
                let live = try await endpointFetch(c, in: tx, id: endpoint.id)
            else { throw SignalboxError.internal("the runtime just made is not there") }
            return TestRuntime(runtime: runtime, version: ready, endpoint: live)
        }
    }

    /// The runtime's next version, READY, not live anywhere.
    public func testVersion(
        _ c: OperationContext, of runtime: RuntimeRecord, configuration: VersionConfiguration = testConfiguration()
    ) async throws -> VersionRecord {
        try await transaction(c) { tx in
            let version = try await versionAppend(
                c, in: tx, runtime: runtime, configuration: configuration, environmentVariables: [:], artifact: nil)
            _ = try await versionTransition(c, in: tx, version: version.id, event: .prepared)
            return version
        }
    }

    /// Moves an endpoint to a READY version and flips it at once.
    public func testFlip(_ c: OperationContext, endpoint: Int64, to version: Int, rollbackTo: Int? = nil) async throws {
        let flipped = try await transaction(c) { tx in
            let requested = try await endpointTarget(c, in: tx, endpoint: endpoint, version: version, rollbackTo: rollbackTo)
            guard let requested else { return false }
            return try await endpointFlip(c, in: tx, endpoint: endpoint, generation: requested.generation)
        }
        if !flipped { throw SignalboxError.conflict("endpoint \(endpoint) did not flip to \(version)") }
    }
}
