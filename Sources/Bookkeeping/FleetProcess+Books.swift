package import Fleet
import JobQueue
package import Ledger

/// A start check: the database has the schema that this program works with.
package let requireCurrentSchema: FleetProcess.StartCheck = { fleet in
    do {
        try await Migrator(pool: fleet.postgres).requireCurrentSchema()
        return []
    } catch let mismatch as Migrator.Mismatch {
        return [StartFinding(.refusal, mismatch.description)]
    }
}

extension FleetProcess {
    /// The test-only switches that concern the books; names of other rooms' switches are theirs.
    package var ledgerFaults: LedgerFaults {
        configuration.faults.reduce(into: []) { faults, name in
            if let fault = LedgerFaults(named: name) { faults.insert(fault) }
        }
    }
}
