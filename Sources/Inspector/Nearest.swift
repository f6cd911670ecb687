/// The word that was probably meant: the one with the fewest slips, when they are few for its length.
func nearest(to word: String, among words: [String]) -> String? {
    let candidates = words.map { (word: $0, slips: slips(word, $0)) }
    guard let best = candidates.min(by: { $0.slips < $1.slips }), best.slips <= max(1, best.word.count / 3) else {
        // A beginning that says which is meant.
        let begun = words.filter { word.count >= 2 && $0.hasPrefix(word) }
        return begun.count == 1 ? begun[0] : nil
    }
    return best.word
}

/// Letters to add, drop, change or swap with their neighbour (optimal string alignment). O(letters x letters)
private func slips(_ left: String, _ right: String) -> Int {
    let left = Array(left)
    let right = Array(right)
    var before: [Int] = []
    var last = Array(0...right.count)
    for i in 0..<left.count {
        var row = [i + 1]
        for j in 0..<right.count {
            var cost = min(last[j + 1] + 1, row[j] + 1, last[j] + (left[i] == right[j] ? 0 : 1))
            if i > 0, j > 0, left[i] == right[j - 1], left[i - 1] == right[j] { cost = min(cost, before[j - 1] + 1) }
            row.append(cost)
        }
        (before, last) = (last, row)
    }
    return last[right.count]
}
