import Bookkeeping
import Fleet
import JobQueue
import Ledger
import Notifications

FleetProcess.main("tributary-batch-worker", requires: [.postgresURL], checks: [requireCurrentSchema]) { fleet in
    let book = OrderBook(pool: fleet.postgres, faults: fleet.ledgerFaults)
    let handler = ConfirmationHandler(
        book: book, pool: fleet.postgres, queue: fleet.queue, channels: fleet.configuration.notificationChannels)
    fleet.work(.batches, handler, recorder: fleet.deadLetterAlert())
    fleet.add(Sweep(OwedWork(pool: fleet.postgres, queue: fleet.queue)))
}
