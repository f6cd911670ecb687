import Bookkeeping
import Fleet
import Ingest
import Notifications

FleetProcess.worker("tributary-click-worker", checks: [requireCurrentSchema]) { fleet in
    ClickHandler.setUp(fleet)
}
