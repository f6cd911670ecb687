/// Why a hook's payload, or a part of it, cannot be used. It is kept with this reason; nothing of the payload is in it.
struct HookProblem: Error, Hashable, CustomStringConvertible {
    /// A word for programs, such as `malformed_json`, `missing_field`.
    let code: String
    let detail: String

    init(_ code: String, _ detail: String = "") {
        self.code = code
        self.detail = detail
    }

    var description: String { detail.isEmpty ? code : "\(code): \(detail)" }
}
