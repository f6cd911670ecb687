import Glibc

extension TimeZoneRules {
    /// Real files stay below 4,000 bytes.
    private static let fileBytesMax = 1 << 20

    /// Reads a zone of the system's database. Blocks for the read of a small file: for starts, not for the loop's daily work.
    ///
    /// - Parameter name: of the IANA database, such as `Asia/Seoul`.
    package static func system(_ name: String, directory: String = "/usr/share/zoneinfo") throws(Invalid) -> Self {
        let allowed = name.utf8.allSatisfy { byte in
            (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte & 0xDF) || "/_+-".utf8.contains(byte)
        }
        guard allowed, (1...64).contains(name.utf8.count), !name.hasPrefix("/") else {
            throw Invalid(description: "'\(name)' is not a time zone's name")
        }
        guard let file = fopen("\(directory)/\(name)", "re") else {
            throw Invalid(description: "no time zone '\(name)' in \(directory) (is tzdata installed?)")
        }
        defer { fclose(file) }
        let bytes = [UInt8](unsafeUninitializedCapacity: fileBytesMax) { buffer, count in
            count = fread(buffer.baseAddress, 1, buffer.count, file)
        }
        guard ferror(file) == 0 else { throw Invalid(description: "the time zone '\(name)' cannot be read") }
        do {
            return try Self(tzif: bytes)
        } catch {
            throw Invalid(description: "the time zone '\(name)' cannot be used: \(error.description)")
        }
    }
}
