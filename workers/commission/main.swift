import Bookkeeping
import Fleet
import JobQueue
import Ledger
import Notifications

FleetProcess.worker("tributary-commission-worker", checks: [requireCurrentSchema]) { fleet in
    let book = OrderBook(pool: fleet.postgres, faults: fleet.ledgerFaults)
    fleet.work(.commissions, CommissionHandler(book: book), recorder: OwedRows(pool: fleet.postgres))
}
