/// The commands that each new connection begins with, in their order; all go out in one write.
enum PreparationStep: Hashable, Sendable {
    case authenticate(password: String)
    case select(database: Int)
    case setName(String)
    case askForRunID
    /// Where sentinels name the master: it may be another one by now.
    case askForRole
    /// Last: answered by an error while Redis loads its data or has lost its primary.
    case ping

    static func steps(for configuration: RedisConfiguration, purpose: String) -> [PreparationStep] {
        var steps: [PreparationStep] = []
        if let password = configuration.password { steps.append(.authenticate(password: password)) }
        if configuration.database != 0 { steps.append(.select(database: configuration.database)) }
        steps.append(.setName(clientName("\(configuration.clientName):\(purpose)")))
        steps.append(.askForRunID)
        if case .sentinel = configuration.topology { steps.append(.askForRole) }
        return steps + [.ping]
    }

    var command: [RedisArgument] {
        switch self {
        case .authenticate(let password): ["AUTH", .string(password)]
        case .select(let database): ["SELECT", RedisArgument(database)]
        case .setName(let name): ["CLIENT", "SETNAME", .string(name)]
        case .askForRunID: ["INFO", "server"]
        case .askForRole: ["ROLE"]
        case .ping: ["PING"]
        }
    }

    var asksForRunID: Bool { self == .askForRunID }
    var isLast: Bool { self == .ping }

    static func runID(of info: RedisValue) -> String? {
        info.string?.split(whereSeparator: \.isNewline).lazy
            .compactMap { $0.hasPrefix("run_id:") ? String($0.dropFirst("run_id:".count)) : nil }.first
    }

    /// Redis takes no spaces or control characters in a name.
    private static func clientName(_ text: String) -> String {
        String(decoding: text.utf8.map { (0x21...0x7E).contains($0) ? $0 : UInt8(ascii: "-") }, as: UTF8.self)
    }
}
