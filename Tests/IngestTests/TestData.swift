import Core
import TestSupport

/// Real payloads and user agents, which stand beside the package where it is developed and are no part of it.
enum TestData {
    private static let folder: String = {
        let file = #filePath.split(separator: "/", omittingEmptySubsequences: false)
        return file.dropLast(3).joined(separator: "/") + "/../shared/data"
    }()

    /// Nil where the folder is absent.
    static func text(_ name: String) -> String? {
        readFile("\(folder)/\(name)").map { String(decoding: $0, as: UTF8.self) }
    }

    static func lines(_ name: String) -> [String]? { text(name)?.split(separator: "\n").map(String.init) }

    static func json(_ name: String) throws -> JSON? {
        try readFile("\(folder)/\(name)").map { try JSON.parse($0) }
    }
}
