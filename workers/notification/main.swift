import Bookkeeping
import Fleet
import JobQueue
import Notifications

FleetProcess.main("tributary-notification-worker", requires: [.postgresURL], checks: [requireCurrentSchema]) { fleet in
    let handler = NotificationHandler(pool: fleet.postgres, sender: NotificationSender(fleet.configuration))
    fleet.work(.notifications, handler, recorder: NotificationEnds(pool: fleet.postgres))
}
