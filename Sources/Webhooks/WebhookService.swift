package import EventLoop
package import Fleet
import HTTPClient
import JobQueue

/// What the webhook worker's process is made of.
@Loop
package enum WebhookService {
    /// Adds the delivery worker; the process requires ``Setting/postgresURL`` and ``Setting/masterKey``.
    package static func add(to fleet: FleetProcess) {
        let configuration = fleet.configuration
        guard let key = configuration.masterKey else {
            preconditionFailure("\(fleet.name) must require \(Setting.masterKey.name)")
        }
        let window = configuration.concurrency ?? DeliveryWorker.defaultWindow
        let faults = configuration.faults.reduce(into: WebhookFaults()) {
            if let fault = WebhookFaults(named: $1) { $0.insert(fault) }
        }
        let book = WebhookBook(pool: fleet.postgres, faults: faults)
        let client = HTTPClient(
            DeliveryClient.configuration(
                allowing: configuration.allowedDestinations.map(\.description), allowsHTTP: configuration.allowsHTTP,
                window: window))
        let worker = DeliveryWorker(
            book: book, client: client, sealer: SecretSealer(key: key, keyID: configuration.masterKeyID),
            window: window,
            endpointWindow: configuration.endpointConcurrency, deaths: fleet.deadLetterListener)
        fleet.stream(
            .webhooks, worker, recorder: DeliveryEnds(book: book),
            options: WorkerOptions(concurrency: window, batch: configuration.batch))
    }
}
