/// Which dead letters are meant.
package struct DeadLetterFilter: Hashable, Sendable {
    /// Of this kind only.
    package var kind: String?
    /// With this text in the last failure's message.
    package var errorContains: String?
    /// Quarantined only, or dead only.
    package var isQuarantined: Bool?

    package init(kind: String? = nil, errorContains: String? = nil, isQuarantined: Bool? = nil) {
        self.kind = kind
        self.errorContains = errorContains
        self.isQuarantined = isQuarantined
    }

    /// Every one.
    package static let all = DeadLetterFilter()

    package func matches(_ job: StoredJob) -> Bool {
        if let kind, job.kind != kind { return false }
        if let isQuarantined, (job.state == .quarantined) != isQuarantined { return false }
        if let text = errorContains {
            guard let message = job.failures.last?.message else { return false }
            return text.isEmpty || message.utf8.contains(subsequence: text.utf8)
        }
        return true
    }
}

/// Where a scan of dead letters goes on.
package struct DeadLetterCursor: Hashable, Sendable {
    package var shard: Int
    /// Dead letters of that shard which were seen and stayed.
    package var offset: Int

    package init(shard: Int = 0, offset: Int = 0) {
        self.shard = shard
        self.offset = offset
    }
}

/// A part of the dead letters.
package struct DeadLetterPage: Sendable {
    /// Those that match, the oldest of a shard first.
    package let jobs: [StoredJob]
    /// How many were looked at for it.
    package let seen: Int
    /// `nil` at the end.
    package let next: DeadLetterCursor?
}

extension Collection where Element: Equatable {
    fileprivate func contains(subsequence other: some Collection<Element>) -> Bool {
        var start = startIndex
        while true {
            let rest = self[start...]
            if rest.starts(with: other) { return true }
            if start == endIndex { return false }
            start = index(after: start)
        }
    }
}
