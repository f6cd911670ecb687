/// How many replicas must have a write before it counts as done.
package struct ReplicaDemand: Hashable, Sendable {
    /// 1 to 100. Only as many as the master has make sure that whichever is promoted has the write.
    package let replicas: Int
    /// 1 ms to 1 min; then the write is answered as ``RedisError/Kind/unreplicated``.
    package let within: Duration

    package init(replicas: Int, within: Duration) {
        self.replicas = replicas
        self.within = within
    }
}
