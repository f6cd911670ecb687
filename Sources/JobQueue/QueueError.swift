package import Redis

/// Why a call on the queue failed. Its description carries no payload.
package enum QueueError: Error {
    /// The call itself is wrong, in words: a bug of the caller.
    case invalid(String)
    /// Redis' memory is full: producers are refused, while leases and acknowledgements go on.
    case outOfMemory
    /// Redis could not be reached, or is not able to serve for the moment. Nothing is known but ``mayHaveHappened``;
    /// every call may be repeated.
    case unreachable(RedisError)
    /// Redis refused the call, or answered what no script of ours answers.
    case failed(String)

    /// No attempt is spent on it: stop leasing, back off, repeat.
    package var isUnreachableStore: Bool {
        if case .unreachable = self { true } else { false }
    }

    /// Whether Redis may have carried the call out although no answer came.
    package var mayHaveHappened: Bool {
        switch self {
        case .unreachable(let error): error.mayHaveHappened
        case .invalid, .outOfMemory, .failed: false
        }
    }

    init(_ error: RedisError) {
        if error.kind == .outOfMemory {
            self = .outOfMemory
        } else if error.isUnreachableStore {
            self = .unreachable(error)
        } else {
            self = .failed(error.message)
        }
    }
}

extension QueueError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .invalid(let reason): "invalid call: \(reason)"
        case .outOfMemory: "Redis is out of memory"
        case .unreachable(let error): "Redis is not reachable: \(error.message)"
        case .failed(let reason): "Redis refused: \(reason)"
        }
    }
}
