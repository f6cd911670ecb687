package import Fleet
import JobQueue

/// What the ingest is told beyond the fleet's own settings.
package struct IngestConfiguration: Sendable {
    /// Where it listens; port 0 takes any free one.
    package var address = "127.0.0.1"
    package var port = 0
    /// What all keys in Redis begin with.
    package var prefix = "tributary"
    /// Keys the digests by which visitors are compared; 16 bytes or more.
    package var privacyKey: [UInt8]
    /// Opens the secrets of hooks; 32 bytes. Without it hooks are answered 503.
    package var masterKey: [UInt8]?
    /// The name under which the master key is noted beside what it sealed.
    package var masterKeyID = "1"
    /// Whose `Forwarded` and `X-Forwarded-For` count.
    package var trustedProxies: [AddressRange] = []
    /// Jobs that may wait in a queue; beyond that 429. Looked at every two seconds, so it is a limit of the order of
    /// magnitude. Default 2,000,000: some 1 GB of waiting events.
    package var waitingJobsMax = 2_000_000
    package var directory = IngestDirectory.Options()

    package init(privacyKey: [UInt8]) { self.privacyKey = privacyKey }

    package init(_ fleet: FleetConfiguration) {
        guard let privacyKey = fleet.privacyKey else {
            preconditionFailure("the ingest must require \(Setting.privacyKey.name)")
        }
        self.privacyKey = privacyKey.reveal()
        masterKey = fleet.masterKey?.reveal()
        masterKeyID = fleet.masterKeyID
        address = fleet.ingestAddress
        port = fleet.ingestPort
        prefix = fleet.queue.prefix
        trustedProxies = fleet.trustedProxies
        waitingJobsMax = fleet.ingestWaitingMax
    }
}
