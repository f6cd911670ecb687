import Bookkeeping
import Fleet
import JobQueue
import Ledger
import Notifications

FleetProcess.worker("tributary-batch-worker", checks: [requireCurrentSchema]) { fleet in
    let book = OrderBook(pool: fleet.postgres, faults: fleet.ledgerFaults)
    let handler = ConfirmationHandler(
        book: book, pool: fleet.postgres, queue: fleet.queue, channels: fleet.configuration.notificationChannels)
    let rows = OwedRows(pool: fleet.postgres)
    fleet.work(.batches, handler, recorder: rows)
    fleet.add(
        Sweep(
            OwedWork(
                pool: fleet.postgres, queue: fleet.queue, recorder: fleet.deadLetterRecorder(after: rows)),
            alerts: OperatorAlerts(pool: fleet.postgres, channels: fleet.configuration.notificationChannels)))
}
