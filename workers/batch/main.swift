import Bookkeeping
import Fleet
import JobQueue
import Ledger

FleetProcess.main("tributary-batch-worker", requires: [.postgresURL], checks: [requireCurrentSchema]) { fleet in
    let book = OrderBook(pool: fleet.postgres, faults: fleet.ledgerFaults)
    fleet.work(.batches, ConfirmationHandler(book: book, pool: fleet.postgres, queue: fleet.queue))
    fleet.add(Sweep(OwedWork(pool: fleet.postgres, queue: fleet.queue)))
}
