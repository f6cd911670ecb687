import Bookkeeping
import Fleet
import Scheduling

FleetProcess.main("tributary-scheduler", requires: [.postgresURL], checks: [requireCurrentSchema]) { fleet in
    fleet.add(try Scheduler(schedules: try Schedule.embedded(), pool: fleet.postgres, queue: fleet.queue))
}
