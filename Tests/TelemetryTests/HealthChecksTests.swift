import Core
import EventLoop
import Testing

@testable import Telemetry

@Suite struct HealthChecksTests {
    init() { Loop.startThread() }

    @Loop @Test func theWorstConditionIsTheWhole() throws {
        let health = HealthChecks()
        #expect(health.report(.ready).status == "healthy")
        health.set("redis", .healthy)
        health.set("lag", .warning("3 s \"behind\""))
        #expect(health.report(.ready).isHealthy)
        #expect(health.report(.ready).status == "warning")
        health.set("drain", .failing("draining"))
        let report = health.report(.ready)
        #expect(!report.isHealthy)
        let json = try JSON.parse(report.body)
        #expect(json["status"]?.string == "error")
        #expect(json["conditions"]?["redis"]?["status"]?.string == "healthy")
        #expect(json["conditions"]?["lag"]?["reason"]?.string == "3 s \"behind\"")
        #expect(json["conditions"]?["drain"]?["status"]?.string == "error")
    }

    @Loop @Test func aProbeAsksOnlyItsOwn() {
        let health = HealthChecks()
        let isReady = Held(false)
        health.add("directory") { isReady.value ? .healthy : .failing("not loaded") }
        #expect(health.report(.live).isHealthy)
        #expect(!health.report(.ready).isHealthy)
        isReady.value = true
        #expect(health.report(.ready).isHealthy)
        health.set("stuck", .failing("the loop stands still"), .live)
        #expect(!health.report(.live).isHealthy)
        health.remove("stuck")
        #expect(health.report(.live).isHealthy)
    }
}
