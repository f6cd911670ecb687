/// Why a command has no reply, or what Redis refused.
package struct RedisError: Error, Hashable, Sendable {
    package enum Kind: Hashable, Sendable {
        /// The connection went while the command was with Redis or on its way: it may have happened.
        case connectionLost
        /// There was no connection, or it went before the command was written: surely not sent.
        case notConnected
        /// Redis was silent too long; the connection is replaced. It may have happened.
        case timeout
        /// Refused by this process, since too much waits already (see `RedisLimits`): surely not sent.
        case backlog
        /// LOADING: Redis reads its data.
        case loading
        /// READONLY, MISCONF, UNBLOCKED: a replica, or a disk that takes no writes.
        case readOnly
        /// TRYAGAIN: some keys of a Cluster's slot are here already and others are still there. Surely not done.
        case tryAgain
        /// MOVED: another node of the Cluster serves the slot. Surely not done.
        case moved(RedisRedirection)
        /// ASK: the slot is on its way to another node, which has what this call needs. Surely not done.
        case ask(RedisRedirection)
        case clusterDown
        case masterDown
        /// OOM: `maxmemory` is reached and the command may need memory.
        case outOfMemory
        case noScript
        /// CROSSSLOT: Redis Cluster refuses a command whose keys live in several slots, before it starts.
        case crossSlot
        /// BUSY: another client's script runs too long.
        case busy
        /// NOREPLICAS: fewer replicas than `min-replicas-to-write`.
        case noReplicas
        /// Done, but fewer replicas than asked for said in time that they have it: it may be lost with the master.
        case unreplicated
        /// NOAUTH, WRONGPASS, NOPERM.
        case authentication
        case wrongType
        /// A script's own error code: the first word of what it returned by `redis.error_reply`.
        case script(code: String)
        /// A bad ``RedisConfiguration``; nothing was tried.
        case configuration
        /// Any other error of Redis, most often a wrong command of ours.
        case other
    }

    package let kind: Kind
    /// For people. Arguments that Redis repeats in it are cut off.
    package let message: String

    package init(_ kind: Kind, _ message: String) {
        self.kind = kind
        self.message = message
    }

    /// Whether Redis could not serve us at all, so that no job is to blame and no attempt is spent.
    package var isUnreachableStore: Bool {
        switch kind {
        case .connectionLost, .notConnected, .timeout, .backlog, .loading, .readOnly, .tryAgain, .moved, .ask,
            .clusterDown, .masterDown, .outOfMemory, .busy, .noReplicas, .unreplicated, .authentication:
            true
        case .noScript, .crossSlot, .wrongType, .script, .configuration, .other: false
        }
    }

    /// Whether the command may have had its effect although it failed. A script that fails after a write has too, but
    /// ours check before they write.
    package var mayHaveHappened: Bool { kind == .connectionLost || kind == .timeout || kind == .unreplicated }
}

extension RedisError: CustomStringConvertible {
    package var description: String { "\(kind): \(message)" }
}
