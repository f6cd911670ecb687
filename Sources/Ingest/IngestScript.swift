import IngestScripts
import Redis

/// The ingest's scripts; each file's header says what it does.
enum IngestScript {
    static let limit = RedisScript(name: "limit", source: String(cString: ingest_limit_lua))
    static let swapDirectory = RedisScript(name: "swap_directory", source: String(cString: ingest_swap_directory_lua))
}
