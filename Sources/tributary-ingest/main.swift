import Fleet
import Ingest

FleetProcess.main("tributary-ingest", requires: [.postgresURL, .privacyKey, .masterKey]) { fleet in
    IngestService.setUp(fleet)
}
