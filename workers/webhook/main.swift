import Bookkeeping
import Fleet
import Notifications
import Webhooks

FleetProcess.worker("tributary-webhook-worker", requires: [.masterKey], checks: [requireCurrentSchema]) { fleet in
    WebhookService.add(to: fleet)
}
