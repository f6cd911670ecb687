import Bookkeeping
import Fleet
import Scheduling

FleetProcess.main(
    "tributary-scheduler", requires: [.postgresURL], checks: [requireCurrentSchema, requireUsableSchedules]
) { fleet in
    try fleet.addScheduler()
}
