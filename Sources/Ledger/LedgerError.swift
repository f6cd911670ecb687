package import Commissions
package import Core

/// What the books cannot do; the description is safe for any log and says what to do next where there is something.
package enum LedgerError: Error, CustomStringConvertible {
    /// A row of a newer program: the fleet is upgraded before it is written.
    case unknownFactKind(String)
    case unknownProgramme(String)
    case unknownPolicyForm(policyID: UUID, detail: String)
    case commissionNotFound
    /// A person may not do that from the commission's state; see ``CommissionAct/refusal(from:)``.
    case refused(CommissionAct.Refusal)
    /// The row changed under the order's lock: somebody wrote without holding it.
    case lostUpdate(commissionID: UUID)

    package var description: String {
        switch self {
        case .unknownFactKind(let kind): "the fact kind \(kind) is not known to this program: upgrade it"
        case .unknownProgramme(let id): "there is no programme \(id)"
        case .unknownPolicyForm(let id, let detail): "policy \(id) cannot be read: \(detail)"
        case .commissionNotFound: "Commission not found"
        case .refused(let refusal): refusal.description
        case .lostUpdate(let id): "commission \(id) was changed by someone who did not hold its order's lock"
        }
    }
}
