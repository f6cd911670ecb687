import Core
package import EventLoop
import Postgres
import Telemetry

/// Names that the directory does not know, asked of PostgreSQL: a miss is not a fact, since somebody may have been added a
/// moment ago.
///
/// Bounded: at most ``IngestLimits/missesInFlightMax`` questions at a time, one for each name however many ask; what came
/// of it is kept for ``IngestLimits/missAge``.
@Loop
package final class DirectoryMisses {
    enum Name: Hashable, Sendable {
        case key([UInt8])
        case partner(UUID)
        case code(programme: String, code: String)
        case hook(String)
    }

    enum Finding: Sendable {
        case key(Directory.APIKey)
        case partner(Directory.Partner)
        case hook(Directory.HookSource)
        case nobody
    }

    private struct Kept {
        let finding: Finding
        let until: Int64
    }

    private let pool: PostgresPool
    private var kept: [Name: Kept] = [:]
    private var asking: [Name: Task<Finding, any Error>] = [:]
    private let log = Log(component: "directory")
    private let answers = Counter(
        "ingest_directory_misses_total", "Names the directory did not know, by what PostgreSQL said.",
        labels: ["answer"])

    init(pool: PostgresPool) { self.pool = pool }

    /// - Throws: ``IngestRefusal`` 503 when it cannot be asked.
    func find(_ name: Name) async throws(IngestRefusal) -> Finding {
        if let known = kept[name], known.until > Loop.monotonicMilliseconds { return known.finding }
        let task: Task<Finding, any Error>
        if let running = asking[name] {
            task = running
        } else {
            guard asking.count < IngestLimits.missesInFlightMax else {
                answers.add(1, ["refused"])
                throw .lookUpUnavailable
            }
            task = Task { @Loop in try await ask(name) }
            asking[name] = task
        }
        do {
            return try await task.value
        } catch {
            throw .lookUpUnavailable
        }
    }

    /// A new directory has been loaded: what it does not know was looked up too early.
    func forget() { kept = [:] }

    func forget(_ name: Name) { kept[name] = nil }

    private func ask(_ name: Name) async throws -> Finding {
        defer { asking[name] = nil }
        let finding: Finding
        do {
            finding = try await query(name)
        } catch {
            answers.add(1, ["failed"])
            log.warning("an unknown name cannot be looked up", ["error": .error(error)])
            throw error
        }
        if case .nobody = finding { answers.add(1, ["nobody"]) } else { answers.add(1, ["found"]) }
        if kept.count >= IngestLimits.missesMax { kept = [:] }
        kept[name] = Kept(
            finding: finding, until: Loop.monotonicMilliseconds + IngestLimits.missAge.milliseconds)
        return finding
    }

    private func query(_ name: Name) async throws(PostgresError) -> Finding {
        switch name {
        case .key(let hash):
            guard let row = try await pool.query(DirectoryStatements.key, [.bytes(hash)]).first else { return .nobody }
            return .key(try Directory.APIKey.read(row).key)
        case .partner(let id):
            guard let row = try await pool.query(DirectoryStatements.partner, [.uuid(id)]).first else { return .nobody }
            return .partner(try Directory.Partner(row))
        case .code(let programme, let code):
            let rows = try await pool.query(DirectoryStatements.partnerByCode, [.text(programme), .text(code)])
            guard let row = rows.first else { return .nobody }
            return .partner(try Directory.Partner(row))
        case .hook(let source):
            guard let row = try await pool.query(DirectoryStatements.hook, [.text(source)]).first else {
                return .nobody
            }
            return .hook(try Directory.HookSource(row))
        }
    }
}
