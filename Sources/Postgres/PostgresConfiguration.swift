import EventLoop

/// Where a PostgreSQL server is, who we are there, and every limit of the connections to it.
///
/// Read once at the start; nothing here changes while a ``PostgresPool`` lives.
package struct PostgresConfiguration: Sendable {
    /// The server's place. The event loop resolves no names, so there is no case for one.
    package enum Address: Hashable, Sendable {
        /// A numeric IPv4 or IPv6 address.
        case ip(String, port: Int)
        /// The directory that holds the server's Unix socket, such as `/var/run/postgresql`.
        case socketDirectory(String, port: Int)
    }

    package var address: Address
    package var user: String
    /// `nil`: none is sent, or libpq finds one in the user's password file.
    package var password: String?
    package var database: String
    package var tls = PostgresTLS()
    /// `search_path` of every connection; `nil` leaves the server's.
    package var schema: String?
    /// Shown in `pg_stat_activity` and the server's log.
    package var applicationName = "tributary"

    /// Connections held open, 1...100.
    package var poolSize = 4
    /// Callers that may wait for a free connection at a time; one more is refused at once.
    package var waitersMax = 1024
    /// How long a caller waits for a free connection, before anything was sent.
    package var acquireTimeout: Duration = .seconds(5)
    /// From the first packet to a session that is ready, authentication included.
    package var connectTimeout: Duration = .seconds(3)
    /// Between two attempts to connect: doubles from the lower to the upper bound, with full jitter.
    package var reconnectBackoff: ClosedRange<Duration> = .milliseconds(50)...(.seconds(2))

    /// The server ends a statement that runs longer. Zero: no limit, and no limit to the wait for its reply either.
    package var statementTimeout: Duration = .seconds(5)
    /// The server ends a statement that waits longer for one lock. Zero: no limit.
    package var lockTimeout: Duration = .seconds(5)
    /// The server ends a session whose open transaction is idle for longer. Zero: no limit.
    package var idleInTransactionTimeout: Duration = .seconds(5)
    /// The kernel gives up a connection whose sent data is not acknowledged for so long. TCP only.
    package var tcpUserTimeout: Duration = .seconds(5)
    /// Silence beyond ``statementTimeout`` after which a connection counts as lost: a server that stands still does
    /// not end its own statements.
    package var replyMargin: Duration = .seconds(2)

    /// How often a transaction is repeated because its connection was lost before COMMIT was sent.
    package var lostConnectionRepeatsMax = 2
    /// Before a transaction is repeated after a serialization failure, a deadlock or a lost connection: doubles from
    /// the lower to the upper bound, with full jitter.
    package var repeatBackoff: ClosedRange<Duration> = .milliseconds(5)...(.milliseconds(500))

    /// Tests only: awaited before each statement of a query or transaction is sent, COMMIT included, to put delays
    /// and faults there. Nothing is paid for it when `nil`.
    package var beforeStatement: (@Loop (PostgresStatement) async -> Void)?
    /// Tests only: told `1` when a transaction's BEGIN is sent and `-1` when it is over.
    package var onTransaction: (@Loop (Int) -> Void)?

    /// Whether the server plans this pool's statements as look-ups by key only; see ``PostgresPlans``. Default ``PostgresPlans/free``.
    package var plans = PostgresPlans.free

    package init(address: Address, user: String, password: String? = nil, database: String) {
        self.address = address
        self.user = user
        self.password = password
        self.database = database
    }

    /// Longest silence while a reply is owed; `nil` when statements have no limit.
    var replyTimeout: Duration? { statementTimeout > .zero ? statementTimeout + replyMargin : nil }
}

/// How libpq encrypts a connection over TCP; on a Unix socket it never does.
package struct PostgresTLS: Hashable, Sendable {
    /// libpq's `sslmode`.
    package enum Mode: String, CaseIterable, Sendable {
        case disable
        case prefer
        case require
        case verifyCA = "verify-ca"
        case verifyFull = "verify-full"
    }

    /// Default: no encryption, as on the machine's own network.
    package var mode = Mode.disable
    /// PEM file of the authorities to trust, for the two verifying modes.
    package var rootCertificateFile: String?
    /// The name that the server's certificate must carry under `verifyFull`.
    package var serverName: String?

    package init() {}
}

extension PostgresConfiguration: CustomStringConvertible {
    /// Without the password.
    package var description: String {
        let secret = password == nil ? "" : ":***"
        return switch address {
        case .ip(let host, let port):
            "postgresql://\(user)\(secret)@\(host.contains(":") ? "[\(host)]" : host):\(port)/\(database)"
        case .socketDirectory(let path, let port): "postgresql://\(user)\(secret)@:\(port)/\(database)?host=\(path)"
        }
    }
}
