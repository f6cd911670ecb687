import Redis
import Testing

@Suite struct RedisErrorTests {
    @Test(arguments: [
        ("LOADING Redis is loading the dataset in memory", RedisError.Kind.loading, true),
        ("READONLY You can't write against a read only replica.", .readOnly, true),
        ("MISCONF Errors writing to the AOF file: No space left on device", .readOnly, true),
        ("UNBLOCKED force unblock from blocking operation, instance state changed", .readOnly, true),
        ("TRYAGAIN Multiple keys request during rehashing of slot", .tryAgain, true),
        ("CLUSTERDOWN Hash slot not served", .clusterDown, true),
        ("MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.", .masterDown, true),
        ("OOM command not allowed when used memory > 'maxmemory'.", .outOfMemory, true),
        ("NOREPLICAS Not enough good replicas to write.", .noReplicas, true),
        ("BUSY Redis is busy running a script.", .busy, true),
        ("NOAUTH Authentication required.", .authentication, true),
        ("WRONGPASS invalid username-password pair or user is disabled.", .authentication, true),
        ("NOPERM this user has no permissions to run the 'set' command", .authentication, true),
        ("NOSCRIPT No matching script. Please use EVAL.", .noScript, false),
        ("WRONGTYPE Operation against a key holding the wrong kind of value", .wrongType, false),
        ("STALE the lease is over", .script(code: "STALE"), false),
        ("ERR syntax error", .other, false),
        ("CROSSSLOT Keys in request don't hash to the same slot", .crossSlot, false),
        ("something in lower case", .other, false),
        ("", .other, false),
    ])
    func aReplysFirstWordSaysItsKind(reply: String, kind: RedisError.Kind, isUnreachable: Bool) {
        let error = RedisError(reply: reply)
        #expect(error.kind == kind)
        #expect(error.isUnreachableStore == isUnreachable)
        #expect(!error.mayHaveHappened)
    }

    @Test(arguments: [
        (RedisError.Kind.connectionLost, true), (.timeout, true), (.notConnected, false), (.backlog, false),
    ])
    func onlyWhatWasSentMayHaveHappened(kind: RedisError.Kind, mayHaveHappened: Bool) {
        let error = RedisError(kind, "")
        #expect(error.mayHaveHappened == mayHaveHappened)
        #expect(error.isUnreachableStore)
    }

    @Test func argumentsThatRedisRepeatsAreCutOff() {
        let error = RedisError(reply: "ERR unknown command 'FOO', with args beginning with: 'secret' 'more' ")
        #expect(error.message == "ERR unknown command 'FOO'")
        #expect(RedisError(reply: "ERR " + String(repeating: "x", count: 10_000)).message.utf8.count == 512)
    }
}
