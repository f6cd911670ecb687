import Bookkeeping
import Fleet
import JobQueue
import Ledger

FleetProcess.main("tributary-commission-worker", requires: [.postgresURL], checks: [requireCurrentSchema]) { fleet in
    fleet.work(.commissions, CommissionHandler(book: OrderBook(pool: fleet.postgres, faults: fleet.ledgerFaults)))
}
