import Bookkeeping
import Fleet
import JobQueue
import Ledger
import Notifications

FleetProcess.worker("tributary-conversion-worker", checks: [requireCurrentSchema]) { fleet in
    let book = OrderBook(pool: fleet.postgres, faults: fleet.ledgerFaults)
    let handler = ConversionHandler(
        book: book, pool: fleet.postgres, channels: fleet.configuration.notificationChannels)
    fleet.work(.conversions, handler)
}
