/// The bounds of one connection, in one place.
enum RedisLimits {
    /// Commands that may wait for their replies; more are refused as a backlog.
    static let inFlightMax = 262_144
    /// Bytes that may wait for the socket before a further command is refused. One command may go beyond it, so that
    /// its size alone never makes it impossible.
    static let unsentBytesMax = 32 << 20
    /// Bytes that go out before the end of their turn: many enough that a further write costs nothing beside them.
    static let writeAheadBytes = 64 << 10
    /// Spare bytes the encoder and the reply reader keep between commands.
    static let keptBufferBytesMax = 1 << 20
    /// Reads of one turn (16 KiB each) on one connection, so that a huge reply cannot starve the others.
    static let readsPerTurnMax = 64
    /// Room made in advance for an announced array; a longer one grows as its elements really come.
    static let reservedElementsMax = 4096
    /// A timer that fires so late speaks of a standstill of this process, not of Redis.
    static let ownLatenessMilliseconds: Int64 = 100
    /// Bytes of an error text from the server that are kept.
    static let errorTextBytesMax = 512
    /// Sentinels, or nodes of a Cluster, that a configuration may name.
    static let seedsMax = 16
    /// Bytes of the name that sentinels know a master by.
    static let masterNameBytesMax = 128
    /// Nodes of a Cluster that lead a call on, before it is given up as unreachable.
    static let redirectionsMax = 5
    /// The longest path of a Unix socket, by `sockaddr_un`.
    static let socketPathBytesMax = 107
}
