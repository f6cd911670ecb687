package import Core

/// Why a stored catalogue cannot be read. Safe for any log.
package enum CatalogueError: Error, Hashable, Sendable, CustomStringConvertible {
    case field(FactError)
    /// A version of a policy that the caller does not have: load it (``Catalogue/policyIDs(in:)``) and read again.
    case unknownPolicy(UUID)

    package var description: String {
        switch self {
        case .field(let error): "catalogue: \(error)"
        case .unknownPolicy(let id): "catalogue: policy \(id) is unknown"
        }
    }
}
