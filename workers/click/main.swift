import Fleet
import Ingest

FleetProcess.main("tributary-click-worker", requires: [.postgresURL]) { fleet in
    ClickHandler.setUp(fleet)
}
