/// First in, first out, in one array whose front is cleared now and then: appending and taking are O(1) on average.
struct FIFO<Element> {
    private var elements: [Element] = []
    private var head = 0

    var isEmpty: Bool { head == elements.count }
    var count: Int { elements.count - head }
    var first: Element? { isEmpty ? nil : elements[head] }

    mutating func append(_ element: Element) {
        if head > 64, head * 2 > elements.count {
            elements.removeFirst(head)
            head = 0
        }
        elements.append(element)
    }

    mutating func popFirst() -> Element? {
        guard !isEmpty else { return nil }
        defer {
            head += 1
            if isEmpty {
                elements.removeAll(keepingCapacity: true)
                head = 0
            }
        }
        return elements[head]
    }

    /// Takes out what satisfies `condition`, in order. O(n).
    mutating func extract(where condition: (Element) -> Bool) -> [Element] {
        let all = elements[head...]
        let extracted = all.filter(condition)
        guard !extracted.isEmpty else { return [] }
        elements = all.filter { !condition($0) }
        head = 0
        return extracted
    }
}
