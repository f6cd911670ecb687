/// Which master of a Cluster serves which slot, and which nodes there are. Pure.
struct SlotTable: Sendable {
    typealias Endpoint = RedisConfiguration.Endpoint

    /// Those that serve at least one slot.
    private(set) var masters: [Endpoint] = []
    private(set) var replicas: [Endpoint] = []
    /// By slot, the place in ``masters``; -1 where nobody serves it.
    private var places = [Int16](repeating: -1, count: HashSlot.count)

    /// From the answer of `CLUSTER SLOTS`: ranges, each with its master first and then the replicas.
    /// - Parameter endpoint: of the node that gave it.
    /// - Returns: nil when it has not that form or serves no slot.
    init?(_ answer: RedisValue, seenFrom endpoint: Endpoint) {
        guard let ranges = answer.array else { return nil }
        for range in ranges {
            guard let first = range[0]?.integer, let last = range[1]?.integer, first <= last,
                HashSlot.range.contains(Int(first)), HashSlot.range.contains(Int(last)),
                let nodes = range.array?.dropFirst(2), !nodes.isEmpty
            else { return nil }
            for (number, node) in nodes.enumerated() {
                guard let port = node[1]?.integer, (1...65_535).contains(port),
                    let address = endpoint.neighbour(host: node[0]?.string ?? "", port: Int(port))
                else { continue }
                if number == 0 {
                    set(Int(first)...Int(last), to: address)
                } else if !replicas.contains(address) {
                    replicas.append(address)
                }
            }
        }
        if masters.isEmpty { return nil }
    }

    /// Nil where nobody serves the slot.
    func master(of slot: Int) -> Endpoint? { places[slot] < 0 ? nil : masters[Int(places[slot])] }

    /// Notes what a `MOVED` said.
    mutating func move(_ slot: Int, to endpoint: Endpoint) { set(slot...slot, to: endpoint) }

    private mutating func set(_ slots: ClosedRange<Int>, to endpoint: Endpoint) {
        let place = masters.firstIndex(of: endpoint) ?? masters.count
        if place == masters.count { masters.append(endpoint) }
        for slot in slots { places[slot] = Int16(place) }
    }
}
