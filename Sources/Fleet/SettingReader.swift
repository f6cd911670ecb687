import Crypto

/// Reads texts into types and gathers every problem on the way. After a problem it goes on with a harmless value, which
/// nobody gets to see, since problems end the start.
struct SettingReader {
    let values: SettingValues
    private(set) var problems: [ConfigurationProblem] = []

    init(values: SettingValues) { self.values = values }

    mutating func refuse(_ setting: Setting, _ reason: String? = nil) {
        problems.append(
            ConfigurationProblem(name: setting.name, reason: reason ?? "must be \(setting.shape); correct or unset it"))
    }

    mutating func add(_ more: [ConfigurationProblem]) { problems += more }

    /// The text, nil when there is none or it is empty: an empty variable is how shells and unit files unset one.
    func text(_ setting: Setting) -> String? {
        guard let text = values.text(of: setting)?.text, !text.isEmpty else { return nil }
        return text
    }

    /// What `parse` makes of the text; a problem when it makes nothing.
    mutating func value<Value>(_ setting: Setting, _ parse: (String) -> Value?) -> Value? {
        guard let text = text(setting) else { return nil }
        if let value = parse(text) { return value }
        refuse(setting)
        return nil
    }

    /// The same for a setting with a default, which also counts for an empty text.
    mutating func value<Value>(_ setting: Setting, or fallback: Value, _ parse: (String) -> Value?) -> Value {
        value(setting, parse) ?? setting.defaultText.flatMap(parse) ?? fallback
    }

    mutating func integer(_ setting: Setting, in range: ClosedRange<Int>) -> Int {
        value(setting, or: range.lowerBound) { Self.integer($0, range) }
    }

    mutating func optionalInteger(_ setting: Setting, in range: ClosedRange<Int>) -> Int? {
        value(setting) { Self.integer($0, range) }
    }

    mutating func milliseconds(_ setting: Setting, in range: ClosedRange<Int>) -> Duration {
        .milliseconds(integer(setting, in: range))
    }

    mutating func flag(_ setting: Setting) -> Bool {
        value(setting, or: false) { ["1": true, "true": true, "0": false, "false": false][$0] }
    }

    mutating func list<Value>(_ setting: Setting, _ parse: (Substring) -> Value?) -> [Value] {
        value(setting) { text in
            let parts = text.split(separator: ",", omittingEmptySubsequences: false)
            let values = parts.map { Self.trimmed($0) }.map(parse)
            return values.contains { $0 == nil } ? nil : values.compactMap(\.self)
        } ?? []
    }

    mutating func secretBytes(_ setting: Setting, counts: ClosedRange<Int>) -> Secret<[UInt8]>? {
        value(setting) { text in
            guard let bytes = Base64.decode(text), counts.contains(bytes.count) else { return nil }
            return Secret(bytes)
        }
    }

    mutating func word(_ setting: Setting, bytesMax: Int, alsoAllowed: String) -> String {
        value(setting, or: "") { text in
            let allowed = Set(alsoAllowed.utf8)
            let isWord = text.utf8.allSatisfy { byte in
                switch byte {
                case 48...57, 65...90, 97...122: true
                default: allowed.contains(byte)
                }
            }
            return isWord && text.utf8.count <= bytesMax ? text : nil
        }
    }

    static func integer(_ text: some StringProtocol, _ range: ClosedRange<Int>) -> Int? {
        guard text.utf8.allSatisfy({ (48...57).contains($0) }), let value = Int(text), range.contains(value) else {
            return nil
        }
        return value
    }

    static func trimmed(_ text: Substring) -> Substring {
        var text = text
        while text.first == " " { text.removeFirst() }
        while text.last == " " { text.removeLast() }
        return text
    }
}
