/// Why something sealed cannot be opened or a key cannot be used. Safe for any log: no key, no text.
package enum CryptoError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The key has not the length that the algorithm asks for.
    case keyLength(expected: Int, actual: Int)
    /// Too short, altered, sealed under another key or for another context; which of them cannot be told.
    case notAuthentic

    package var description: String {
        switch self {
        case .keyLength(let expected, let actual): "a key of \(actual) bytes where \(expected) are needed"
        case .notAuthentic: "the sealed bytes are not authentic"
        }
    }
}
