@testable import JobQueue

extension QueueModel {
    /// The parts in which Redis and a model differ, short enough to be read; for messages only.
    static func parts(of found: QueueModel, otherThanIn expected: QueueModel) -> String {
        func pieces(_ value: Any) -> Set<Substring> {
            Set("\(value)".filter { !"[]()".contains($0) }.split(separator: ", "))
        }
        func short(_ pieces: Set<Substring>) -> String { String(pieces.sorted().joined(separator: ", ").prefix(200)) }
        return zip(Mirror(reflecting: found).children, Mirror(reflecting: expected).children).compactMap {
            left, right in
            let (ours, theirs) = (pieces(left.value), pieces(right.value))
            if ours == theirs { return nil }
            let name = left.label ?? "a part"
            return
                "\(name): Redis has [\(short(ours.subtracting(theirs)))], the model [\(short(theirs.subtracting(ours)))]"
        }.joined(separator: "; ")
    }
}
