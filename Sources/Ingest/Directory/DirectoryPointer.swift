import Core

/// Which version of the directory counts: the value of the one key that is swapped.
struct DirectoryPointer: Hashable, Sendable {
    /// Microseconds of Redis' clock when its publisher began to read; grows with each publication.
    let version: Int64
    let chunks: Int

    var bytes: [UInt8] {
        var writer = DataWriter(capacity: 64)
        writer.set("version", version)
        writer.set("chunks", Int64(chunks))
        return writer.end()
    }

    init(version: Int64, chunks: Int) {
        self.version = version
        self.chunks = chunks
    }

    init?(_ bytes: [UInt8]) {
        guard let json = JSON(validating: bytes), let version = json["version"]?.integer,
            let chunks = json["chunks"]?.integer, (0...100_000).contains(chunks)
        else { return nil }
        self.init(version: version, chunks: Int(chunks))
    }

    /// When its publisher began to read, on Redis' clock.
    var readAt: EpochMilliseconds { EpochMilliseconds(rawValue: version / 1000) }
}

/// The directory's keys. They share one hash tag, so that a swap is one script on Redis Cluster too.
struct DirectoryKeys: Sendable {
    let pointer: String
    private let prefix: String

    init(prefix: String) {
        self.prefix = "\(prefix):{directory}"
        pointer = "\(self.prefix):pointer"
    }

    func chunk(_ number: Int, of version: Int64) -> String { "\(prefix):\(version):\(number)" }
}
