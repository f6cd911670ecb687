/// The members of a JSON object in the order in which they were written. No key stands twice.
///
/// Looking up a member is a walk: the objects here have tens of members, where hashing would cost more than it saves.
package struct JSONObject: Hashable, Sendable {
    package struct Member: Hashable, Sendable {
        package let key: String
        package var value: JSON

        package init(key: String, value: JSON) {
            self.key = key
            self.value = value
        }
    }

    package private(set) var members: [Member]

    package init() { members = [] }

    /// Keys must differ.
    package init(_ members: [(String, JSON)]) {
        precondition(Set(members.map(\.0)).count == members.count, "a key stands twice")
        self.members = members.map { Member(key: $0.0, value: $0.1) }
    }

    /// For the parser, which has just checked that the keys differ.
    init(unique members: [Member]) { self.members = members }

    package var count: Int { members.count }
    package var isEmpty: Bool { members.isEmpty }
    package var keys: [String] { members.map(\.key) }

    /// Setting a new key appends a member; setting `nil` removes it.
    package subscript(key: String) -> JSON? {
        get {
            // Lengths first, and no member is copied to be looked at: an event is asked for a score of names.
            let length = key.utf8.count
            for index in members.indices
            where members[index].key.utf8.count == length && members[index].key == key {
                return members[index].value
            }
            return nil
        }
        set {
            switch (members.firstIndex { $0.key == key }, newValue) {
            case (let index?, let value?): members[index].value = value
            case (let index?, nil): members.remove(at: index)
            case (nil, let value?): members.append(Member(key: key, value: value))
            case (nil, nil): break
            }
        }
    }
}
