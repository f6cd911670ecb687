import Core
import EventLoop
import Postgres
import Telemetry

extension FleetConfiguration {
    /// Puts a test's delays before PostgreSQL's statements and its recorder beside the transactions; nothing without a test.
    @Loop func addTestHooks(to postgres: inout PostgresConfiguration) {
        if let testDelay {
            let bounds = testDelay.lowerBound.milliseconds...testDelay.upperBound.milliseconds
            postgres.beforeStatement = { _ in
                let delay = Duration.milliseconds(Int64.random(in: bounds))
                try? await Loop.sleep(for: delay)  // a test's delay; a cancelled one is only shorter
            }
        }
        if testRecorder != nil {
            postgres.onTransaction = { FlightRecorder.shared?.add($0, to: .inTransaction) }
        }
    }

    /// Opens the recorder that a test asked for.
    @Loop func startTestRecorder() throws(FlightRecorder.Failure) {
        guard let testRecorder else { return }
        try FlightRecorder(path: testRecorder).share()
    }
}
