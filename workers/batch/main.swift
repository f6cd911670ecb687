import Bookkeeping
import Fleet
import JobQueue
import Ledger
import Notifications

FleetProcess.worker("tributary-batch-worker", checks: [requireCurrentSchema]) { fleet in
    let book = OrderBook(pool: fleet.postgres, faults: fleet.ledgerFaults)
    let handler = ConfirmationHandler(
        book: book, pool: fleet.postgres, queue: fleet.queue, channels: fleet.configuration.notificationChannels)
    fleet.work(.batches, handler)
    fleet.add(Sweep(OwedWork(pool: fleet.postgres, queue: fleet.queue)))
}
