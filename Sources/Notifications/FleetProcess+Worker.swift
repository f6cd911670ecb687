import EventLoop
package import Fleet

extension FleetProcess {
    /// The whole of a worker's executable: as ``main(_:requires:checks:setUp:)``, and the operators are told of its dead
    /// letters.
    ///
    /// - Parameter requires: beside PostgreSQL.
    nonisolated package static func worker(
        _ name: String, requires: [Setting] = [], checks: [StartCheck] = [],
        setUp: @escaping @Loop (FleetProcess) async throws -> Void
    ) -> Never {
        // What a worker enqueues is owed by rows.
        main(name, requires: [.postgresURL] + requires, acknowledgesEnqueues: false, checks: checks) { fleet in
            fleet.alertOfDeadLetters()
            try await setUp(fleet)
        }
    }

    /// The operators are told, on the configured channels, of every job that ends dead or in quarantine in a worker added
    /// after this.
    package func alertOfDeadLetters() {
        deadLetterListener = DeadLetterAlert(pool: postgres, channels: configuration.notificationChannels)
    }
}
