// swift-tools-version: 6.2
import PackageDescription

// One settings list for every Swift target; each flag says why it is here.
let settings: [SwiftSetting] = [
    // A nonisolated async function stays on its caller's actor: everything runs on the one event loop.
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    // An import is internal unless a file says otherwise, so a module cannot leak its dependencies' types by accident.
    .enableUpcomingFeature("InternalImportsByDefault"),
    // A module that uses another must import it itself.
    .enableUpcomingFeature("MemberImportVisibility"),
    .treatAllWarnings(as: .error),
]

/// A room of `Sources/`: a Swift module that may use only what stands in its list.
func room(_ name: String, uses dependencies: [String] = []) -> Target {
    .target(name: name, dependencies: dependencies.map { .byName(name: $0) }, swiftSettings: settings)
}

/// A worker: an executable in `workers/<folder>` that wires one domain module to the fleet.
func worker(_ folder: String, uses dependencies: [String]) -> Target {
    executable("tributary-\(folder)-worker", path: "workers/\(folder)", uses: dependencies)
}

func executable(_ name: String, path: String, uses dependencies: [String]) -> Target {
    .executableTarget(
        name: name, dependencies: dependencies.map { .byName(name: $0) }, path: path, swiftSettings: settings)
}

func tests(_ name: String, uses dependencies: [String]) -> Target {
    .testTarget(
        name: name, dependencies: (dependencies + ["TestSupport"]).map { .byName(name: $0) }, swiftSettings: settings)
}

let package = Package(
    name: "tributary",
    targets: [
        // One module map for each C library; macros and variadics get typed wrappers in its shim.h.
        .systemLibrary(name: "CHiredis"),
        .systemLibrary(name: "CPostgres"),
        .systemLibrary(name: "CCurl"),
        .systemLibrary(name: "CEvent"),
        .systemLibrary(name: "CCrypto"),
        .systemLibrary(name: "CLinux", path: "Tests/CLinux"),
        // Lua and SQL files, embedded by `#embed` so that a binary needs no file beside it.
        .target(name: "JobQueueScripts", exclude: ["library", "operations"]),
        .target(name: "LedgerMigrations"),
        .target(name: "IngestScripts"),
        .target(name: "ScheduleFiles"),

        // Core and the loop.
        room("Core"),
        room("Crypto", uses: ["CCrypto", "Core"]),
        room("EventLoop", uses: ["CEvent", "Core"]),
        // Wires: one C library each.
        room("Redis", uses: ["CHiredis", "EventLoop", "Core"]),
        room("Postgres", uses: ["CPostgres", "EventLoop", "Core"]),
        room("HTTPClient", uses: ["CCurl", "EventLoop", "Core"]),
        room("HTTPServer", uses: ["CEvent", "EventLoop", "Core"]),
        // What every process shares.
        room("Telemetry", uses: ["EventLoop", "Core"]),
        room("JobQueue", uses: ["JobQueueScripts", "Redis", "Telemetry", "Crypto", "EventLoop", "Core"]),
        room(
            "Fleet", uses: ["JobQueue", "Redis", "Postgres", "HTTPServer", "Telemetry", "Crypto", "EventLoop", "Core"]),
        // The domain.
        room("Commissions", uses: ["Core"]),
        room(
            "Ledger", uses: ["Commissions", "LedgerMigrations", "Postgres", "Crypto", "Telemetry", "EventLoop", "Core"]),
        room(
            "Bookkeeping",
            uses: [
                "Ledger", "Notifications", "Webhooks", "Fleet", "JobQueue", "Postgres", "Redis", "Telemetry", "Crypto",
                "EventLoop",
                "Core",
            ]),
        room(
            "Webhooks",
            uses: ["Fleet", "HTTPClient", "Ledger", "JobQueue", "Postgres", "Telemetry", "Crypto", "EventLoop", "Core"]),
        room("Notifications", uses: ["Fleet", "HTTPClient", "JobQueue", "Postgres", "Telemetry", "EventLoop", "Core"]),
        room(
            "Scheduling",
            uses: [
                "ScheduleFiles", "Bookkeeping", "Fleet", "JobQueue", "Postgres", "Telemetry", "EventLoop", "Core",
            ]),
        room(
            "Ingest",
            uses: [
                "IngestScripts", "Fleet", "HTTPServer", "JobQueue", "Redis", "Postgres", "Telemetry", "Crypto",
                "EventLoop", "Core",
            ]),
        room(
            "Inspector",
            uses: [
                "Bookkeeping", "Fleet", "Ingest", "JobQueue", "Ledger", "Scheduling", "Webhooks", "Postgres", "Redis",
                "Telemetry", "Crypto", "EventLoop", "Core",
            ]),

        // Executables hold no logic: configuration, services, run, exit code.
        executable("tributary-ingest", path: "Sources/tributary-ingest", uses: ["Ingest", "Fleet"]),
        worker("click", uses: ["Ingest", "Bookkeeping", "Notifications", "Fleet"]),
        worker("conversion", uses: ["Bookkeeping", "Ledger", "Notifications", "JobQueue", "Fleet"]),
        worker("commission", uses: ["Bookkeeping", "Ledger", "Notifications", "JobQueue", "Fleet"]),
        worker("webhook", uses: ["Webhooks", "Bookkeeping", "Notifications", "Fleet"]),
        worker("notification", uses: ["Notifications", "Bookkeeping", "JobQueue", "Fleet"]),
        worker("batch", uses: ["Bookkeeping", "Ledger", "Notifications", "JobQueue", "Fleet"]),
        executable("tributary-scheduler", path: "schedules/scheduler", uses: ["Scheduling", "Bookkeeping", "Fleet"]),
        executable("tributary", path: "ops/inspector", uses: ["Inspector", "EventLoop"]),
        // For benchmarks only; no part of an installation.
        executable(
            "tributary-bench", path: "ops/bench/tributary-bench",
            uses: ["Webhooks", "HTTPClient", "JobQueue", "Redis", "Postgres", "Fleet", "Crypto", "EventLoop", "Core"]),

        // A process for tests of the queue to kill; no part of an installation.
        executable(
            "queue-test-worker", path: "Tests/QueueTestWorker", uses: ["JobQueue", "Redis", "EventLoop", "Core"]),

        // Tests: pure, wire, fleet.
        .target(
            name: "TestSupport", dependencies: ["EventLoop", "Core", "CLinux"], path: "Tests/TestSupport",
            swiftSettings: settings
        ),
        tests("TestSupportTests", uses: ["EventLoop"]),
        tests("CoreTests", uses: ["Core", "Crypto"]),
        tests("CommissionsTests", uses: ["Commissions", "Core"]),
        tests("EventLoopTests", uses: ["EventLoop", "Core"]),
        tests("HTTPTests", uses: ["CCurl", "HTTPServer", "HTTPClient", "EventLoop", "Core"]),
        tests("RedisTests", uses: ["Redis", "EventLoop", "Core"]),
        tests("PostgresTests", uses: ["Postgres", "EventLoop", "Core"]),
        tests("LedgerTests", uses: ["Ledger", "Commissions", "Postgres", "Crypto", "EventLoop", "Core"]),
        tests("JobQueueTests", uses: ["JobQueue", "Redis", "EventLoop", "Core"]),
        tests(
            "WebhooksTests",
            uses: [
                "Webhooks", "Fleet", "HTTPClient", "HTTPServer", "JobQueue", "Ledger", "Postgres", "Redis", "Crypto",
                "EventLoop", "Core",
            ]),
        tests("TelemetryTests", uses: ["Telemetry", "EventLoop", "Core"]),
        tests(
            "FleetRoomTests",
            uses: [
                "Fleet", "HTTPServer", "JobQueue", "Postgres", "Redis", "Telemetry", "Crypto", "EventLoop", "Core",
            ]),
        tests(
            "IngestTests",
            uses: [
                "Ingest", "Ledger", "Commissions", "Fleet", "HTTPServer", "JobQueue", "Redis", "Postgres", "Crypto",
                "EventLoop", "Core",
            ]),
        tests(
            "BookkeepingTests",
            uses: [
                "Bookkeeping", "Notifications", "Fleet", "JobQueue", "Ledger", "Postgres", "Redis", "Crypto",
                "EventLoop", "Core",
            ]),
        tests(
            "SchedulingTests",
            uses: [
                "Scheduling", "Bookkeeping", "Fleet", "JobQueue", "Ledger", "Postgres", "Redis", "Telemetry",
                "EventLoop", "Core",
            ]),
        tests(
            "InspectorTests",
            uses: [
                "Inspector", "Bookkeeping", "Commissions", "Fleet", "JobQueue", "Ledger", "Webhooks", "Postgres",
                "Redis",
                "Crypto", "EventLoop", "Core",
            ]),
        tests(
            "NotificationsTests",
            uses: [
                "Notifications", "Bookkeeping", "HTTPServer", "Fleet", "JobQueue", "Ledger", "Postgres", "Redis",
                "EventLoop", "Core",
            ]),
    ]
)
