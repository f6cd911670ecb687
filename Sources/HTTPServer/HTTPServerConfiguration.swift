/// Where an ``HTTPServer`` listens, and the limit on everything that a client could otherwise grow.
package struct HTTPServerConfiguration: Sendable {
    /// A numeric IPv4 or IPv6 address; default loopback.
    package var address = "127.0.0.1"
    /// 0 takes any free port; see ``HTTPServer/port``.
    package var port = 0
    /// Whether other processes of this user may listen on the same port, the kernel sharing out the connections.
    package var sharesPort = false
    /// Connections the kernel may hold while this server is full or busy.
    package var backlog = 1024
    /// Connections at a time; beyond that, new ones wait in the backlog. Keep it well below `RLIMIT_NOFILE`.
    package var connectionsMax = 4096
    /// Bytes of the request line and all header fields; beyond that 431.
    package var headerBytesMax = 16 * 1024
    /// Bytes of one request's body; beyond that 413.
    package var bodyBytesMax = 1024 * 1024
    /// Bytes of all requests and answers in memory at a time, of all connections; beyond that 503 with `Retry-After`.
    package var bodyBudgetBytes = 64 * 1024 * 1024
    /// From a request's first byte to its answer: 408 when the client was too slow, 503 when the handler was. As much
    /// again is given for reading the answer.
    package var requestDeadline = Duration.seconds(30)
    /// How long a kept-alive connection may stay silent between requests.
    package var idleTimeout = Duration.seconds(75)
    /// How long a refused client is listened to (and what it says thrown away), so that it gets to read its refusal:
    /// a socket closed with unread bytes takes the answer down with it.
    package var lingerDeadline = Duration.seconds(1)

    package init() {}
}
