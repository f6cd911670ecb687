import Fleet
import Webhooks

FleetProcess.main(
    "tributary-webhook-worker", requires: [.postgresURL, .masterKey], checks: [WebhookService.schemaCheck]
) { fleet in
    WebhookService.add(to: fleet)
}
