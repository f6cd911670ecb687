extension RedisError {
    /// Classifies an error reply by its first word, which Redis promises to be its code.
    package init(reply: String) {
        let code = reply.prefix { $0 != " " }
        self.init(Self.kind(of: code, reply), Self.withoutArguments(reply))
    }

    private static func kind(of code: Substring, _ reply: String) -> Kind {
        if let known = kinds[code] { return known }
        if code == "MOVED", let redirection = RedisRedirection(reply) { return .moved(redirection) }
        if code == "ASK", let redirection = RedisRedirection(reply) { return .ask(redirection) }
        let isCode =
            !code.isEmpty
            && code.utf8.allSatisfy { (0x41...0x5A).contains($0) || $0 == 0x5F || (0x30...0x39).contains($0) }
        return isCode && !codesOfRedis.contains(code) ? .script(code: String(code)) : .other
    }

    private static let kinds: [Substring: Kind] = [
        "LOADING": .loading, "READONLY": .readOnly, "MISCONF": .readOnly, "UNBLOCKED": .readOnly,
        "TRYAGAIN": .tryAgain, "CLUSTERDOWN": .clusterDown, "MASTERDOWN": .masterDown, "OOM": .outOfMemory,
        "NOSCRIPT": .noScript, "BUSY": .busy, "UNKILLABLE": .busy, "NOREPLICAS": .noReplicas,
        "CROSSSLOT": .crossSlot, "NOAUTH": .authentication, "WRONGPASS": .authentication, "NOPERM": .authentication,
        "WRONGTYPE": .wrongType,
    ]

    /// Codes of Redis itself that need no kind of their own; any other code is a script's.
    private static let codesOfRedis: Set<Substring> = [
        "ERR", "MOVED", "ASK", "EXECABORT", "BUSYKEY", "NOPROTO", "NOTBUSY", "NOTREADY", "NOMASTERLINK",
        "NOGOODSLAVE", "BUSYGROUP", "NOGROUP", "INPROG", "IOERR", "DENIED", "SYNTAX",
    ]

    /// Redis quotes arguments, which may be payloads, only in its complaint about an unknown command.
    private static func withoutArguments(_ reply: String) -> String {
        let cutAt = [", with args beginning with", " with args beginning with"].lazy
            .compactMap { reply.firstStart(of: $0) }.first
        let text = cutAt.map { reply[..<$0] } ?? reply[...]
        guard text.utf8.count > RedisLimits.errorTextBytesMax else { return String(text) }
        return String(decoding: text.utf8.prefix(RedisLimits.errorTextBytesMax), as: UTF8.self)
    }
}

extension String {
    fileprivate func firstStart(of part: String) -> Index? {
        indices.first { self[$0...].hasPrefix(part) }
    }
}
