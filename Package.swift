// swift-tools-version:6.2
import PackageDescription

let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
]

// Third-party products, named once. Each is justified in docs/dependencies.md.
let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let asyncHTTPClient = Target.Dependency.product(name: "AsyncHTTPClient", package: "async-http-client")
let collections = Target.Dependency.product(name: "Collections", package: "swift-collections")
let configuration = Target.Dependency.product(name: "Configuration", package: "swift-configuration")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let httpTypes = Target.Dependency.product(name: "HTTPTypes", package: "swift-http-types")
let hummingbird = Target.Dependency.product(name: "Hummingbird", package: "hummingbird")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let metrics = Target.Dependency.product(name: "Metrics", package: "swift-metrics")
let nioCore = Target.Dependency.product(name: "NIOCore", package: "swift-nio")
let nioEmbedded = Target.Dependency.product(name: "NIOEmbedded", package: "swift-nio")
let nioHTTP1 = Target.Dependency.product(name: "NIOHTTP1", package: "swift-nio")
let nioPosix = Target.Dependency.product(name: "NIOPosix", package: "swift-nio")
let nioTLS = Target.Dependency.product(name: "NIOTLS", package: "swift-nio")
let nioSSL = Target.Dependency.product(name: "NIOSSL", package: "swift-nio-ssl")
let serviceLifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let unixSignals = Target.Dependency.product(name: "UnixSignals", package: "swift-service-lifecycle")

/// A room of the house (docs/architecture.md). It may depend only on rooms listed above it.
func room(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: settings)
}

func tests(_ name: String, _ dependencies: [Target.Dependency], resources: [Resource]? = nil) -> Target {
    .testTarget(name: name, dependencies: dependencies, path: "Tests/\(name)", resources: resources, swiftSettings: settings)
}

let package = Package(
    name: "signalbox",
    products: [.executable(name: "signalbox", targets: ["signalbox"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", .upToNextMinor(from: "1.8.2")),
        .package(url: "https://github.com/apple/swift-collections", .upToNextMinor(from: "1.6.0")),
        .package(url: "https://github.com/apple/swift-configuration", .upToNextMinor(from: "1.4.0")),
        .package(url: "https://github.com/apple/swift-crypto", .upToNextMinor(from: "4.5.2")),
        .package(url: "https://github.com/apple/swift-http-types", .upToNextMinor(from: "1.8.0")),
        .package(url: "https://github.com/apple/swift-log", .upToNextMinor(from: "1.16.2")),
        .package(url: "https://github.com/apple/swift-metrics", .upToNextMinor(from: "2.13.0")),
        .package(url: "https://github.com/apple/swift-nio", .upToNextMinor(from: "2.101.2")),
        .package(url: "https://github.com/apple/swift-nio-ssl", .upToNextMinor(from: "2.37.6")),
        .package(url: "https://github.com/hummingbird-project/hummingbird", .upToNextMinor(from: "2.28.1")),
        .package(url: "https://github.com/swift-server/async-http-client", .upToNextMinor(from: "1.37.0")),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", .upToNextMinor(from: "2.13.0")),
    ],
    targets: [
        .systemLibrary(name: "CLibPQ", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .target(name: "CLinux"),

        // Pure rooms: no I/O.
        room("Platform", [logging]),
        room("AgentCoreModel", ["Platform"]),
        room("SigV4", ["Platform", crypto]),
        room("Lifecycle", ["Platform", "AgentCoreModel"]),
        room("HTTPWire", ["Platform", nioCore, nioHTTP1]),

        // Rooms that reach outside.
        room("PostgresClient", ["Platform", "CLibPQ", "CLinux"]),
        room("Store", ["Platform", "AgentCoreModel", "Lifecycle", "PostgresClient", crypto]),
        room("Artifacts", ["Platform", "AgentCoreModel", "PostgresClient", "CLinux", "CZlib", crypto]),
        room("DockerClient", [asyncHTTPClient, nioCore, nioHTTP1, nioPosix, nioSSL]),
        room("Sandboxing", ["Platform", "CLinux", "DockerClient", logging, nioCore]),
        room("Access", ["Platform", "AgentCoreModel", "SigV4", "PostgresClient", "Store", logging]),
        room("Provisioning", ["Platform", "AgentCoreModel", "Store", "Artifacts", "Sandboxing"]),

        // The two paths. They never import each other.
        room(
            "ControlPlane",
            [
                "Platform", "AgentCoreModel", "Lifecycle", "PostgresClient", "Store", "Artifacts", "Sandboxing", "Access", "Provisioning",
                crypto, metrics,
            ]),
        room(
            "DataPlane",
            [
                "Platform", "AgentCoreModel", "SigV4", "Lifecycle", "HTTPWire", "PostgresClient", "Store", "CLinux", "Sandboxing", "Access",
                "Provisioning",
                nioCore, nioHTTP1, nioPosix, collections, crypto, metrics,
            ]),

        room(
            "Server",
            [
                "Platform", "AgentCoreModel", "SigV4", "HTTPWire", "Store", "Artifacts", "Sandboxing", "Access",
                "Provisioning", "ControlPlane", "DataPlane", crypto, hummingbird, httpTypes, nioCore, nioHTTP1, nioPosix, nioSSL, nioTLS,
                metrics,
                logging, serviceLifecycle,
            ]),
        room(
            "Client",
            [
                "Platform", "AgentCoreModel", "SigV4", "CZlib", asyncHTTPClient, crypto, nioCore, nioHTTP1,
                nioPosix, nioSSL,
            ]),
        .executableTarget(
            name: "signalbox",
            dependencies: [
                "Platform", "CLinux", "AgentCoreModel", "PostgresClient", "Store", "Artifacts", "DockerClient", "Sandboxing",
                "Access", "Provisioning", "ControlPlane", "DataPlane", "Server", "Client", argumentParser, configuration, crypto,
                logging, nioCore, serviceLifecycle, unixSignals,
            ],
            swiftSettings: settings),

        // What `Benchmarks/run` compares with pgbench.
        .executableTarget(
            name: "postgres-bench", dependencies: ["PostgresClient", argumentParser, logging], path: "Benchmarks/PostgresBench",
            swiftSettings: settings),

        // Tests: one folder per room.
        .target(
            name: "TestSupport", dependencies: ["Platform", "CLinux", "AgentCoreModel", "Lifecycle", "PostgresClient", "Store"],
            path: "Tests/TestSupport",
            swiftSettings: settings),
        tests("PlatformTests", ["Platform"]),
        tests("AgentCoreModelTests", ["AgentCoreModel", "Platform"], resources: [.copy("Golden")]),
        tests("SigV4Tests", ["SigV4", "Platform"], resources: [.copy("Vectors")]),
        tests("LifecycleTests", ["Lifecycle"]),
        tests("HTTPWireTests", ["HTTPWire", "Platform", nioCore, nioEmbedded, nioHTTP1]),
        tests("PostgresClientTests", ["PostgresClient", "TestSupport"]),
        tests("StoreTests", ["Store", "TestSupport"]),
        tests("ArtifactsTests", ["AgentCoreModel", "Artifacts", "TestSupport"]),
        tests("DockerClientTests", ["DockerClient", nioCore]),
        tests("SandboxingTests", ["Sandboxing", "CLinux", "DockerClient", "SupervisorFixture"], resources: [.copy("Agents")]),
        // A supervisor to kill.
        .executableTarget(
            name: "SupervisorFixture", dependencies: ["Sandboxing", logging], path: "Tests/SupervisorFixture",
            swiftSettings: settings),
        tests("AccessTests", ["Access", "AgentCoreModel", "Platform", "SigV4", "Store", "TestSupport"]),
        tests("ProvisioningTests", ["Provisioning", "TestSupport"]),
        tests(
            "ControlPlaneTests",
            [
                "Access", "ControlPlane", "AgentCoreModel", "Artifacts", "Platform", "PostgresClient", "Provisioning", "Sandboxing",
                "Store", "TestSupport",
            ]),
        tests(
            "DataPlaneTests",
            [
                "Access", "AgentCoreModel", "CLinux", "DataPlane", "HTTPWire", "Lifecycle", "Platform", "SigV4", "Store", "TestSupport",
                crypto,
                nioCore, nioHTTP1, nioPosix,
            ]),
        tests(
            "ServerTests",
            [
                "Access", "AgentCoreModel", "Artifacts", "ControlPlane", "DataPlane", "Lifecycle", "Platform", "Sandboxing", "Server",
                "SigV4", "Store", "TestSupport", hummingbird, httpTypes, logging, metrics, nioCore, nioEmbedded, nioHTTP1, nioPosix,
            ]),
        tests("ClientTests", ["Client", "SigV4", "AgentCoreModel", hummingbird, httpTypes, logging, nioCore, nioHTTP1]),
        tests(
            "SignalboxTests",
            ["signalbox", "Client", "AgentCoreModel", "DockerClient", "Sandboxing", argumentParser, configuration, logging, nioCore],
            resources: [.copy("Golden")]),
    ]
)
