/// Where a setting's text came from.
package enum SettingOrigin: String, Sendable {
    case environment, file
    case standard = "default"
}

/// The texts of all settings, before they are read into types: the environment's over the file's over the defaults.
struct SettingValues {
    private let environment: [String: String]
    private let file: [String: String]

    init(environment: [String: String], file: [String: String]) {
        self.environment = environment
        self.file = file
    }

    func text(of setting: Setting) -> (text: String, origin: SettingOrigin)? {
        if let text = environment[setting.name] { return (text, .environment) }
        if let text = file[setting.name] { return (text, .file) }
        return setting.defaultText.map { ($0, .standard) }
    }

    /// Names of ours that no setting has, each with the nearest name that exists. In the file, every name counts as ours.
    func unknownNames() -> [ConfigurationProblem] {
        let known = Set(Setting.all.map(\.name))
        let names = Set(environment.keys.filter { $0.hasPrefix("TRIBUTARY_") }).union(file.keys).subtracting(known)
        return names.sorted().map { name in
            var reason = "is not a setting"
            if let nearest = Self.nearest(to: name, in: known) { reason += "; did you mean \(nearest)?" }
            return ConfigurationProblem(name: name, reason: reason + " See --help, or unset it")
        }
    }

    /// The known name with the fewest edits, when a third of the name's letters or fewer differ.
    static func nearest(to name: String, in known: Set<String>) -> String? {
        let prefixLength = "TRIBUTARY_".utf8.count
        let best = known.map { (name: $0, distance: editDistance(name, $0)) }.min {
            ($0.distance, $0.name) < ($1.distance, $1.name)
        }
        guard let best, best.distance * 3 <= max(3, name.utf8.count - prefixLength) else { return nil }
        return best.name
    }

    /// Levenshtein's distance in bytes; names are short.
    private static func editDistance(_ left: String, _ right: String) -> Int {
        let right = Array(right.utf8)
        var row = Array(0...right.count)
        for (index, byte) in left.utf8.enumerated() {
            var diagonal = row[0]
            row[0] = index + 1
            for column in right.indices {
                let replaced = diagonal + (byte == right[column] ? 0 : 1)
                diagonal = row[column + 1]
                row[column + 1] = min(replaced, row[column] + 1, diagonal + 1)
            }
        }
        return row[right.count]
    }
}
