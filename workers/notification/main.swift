import Bookkeeping
import Fleet
import JobQueue
import Notifications

FleetProcess.worker("tributary-notification-worker", checks: [requireCurrentSchema]) { fleet in
    let handler = NotificationHandler(pool: fleet.postgres, sender: NotificationSender(fleet.configuration))
    fleet.work(.notifications, handler, recorder: NotificationEnds(pool: fleet.postgres))
}
