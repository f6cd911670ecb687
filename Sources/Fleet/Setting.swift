/// One name of the configuration, with all that is said of it: in `--help`, in problems, in `--check-config`.
package struct Setting: Sendable, Hashable {
    /// As it stands in the environment and the file: `TRIBUTARY_…`.
    package let name: String
    /// The value's shape, in words that fit after "must be".
    package let shape: String
    /// The text that counts when nothing is said; nil when the setting is then off or, where required, missing.
    package let defaultText: String?
    /// Whether the value is shown as `***`.
    package let isSecret: Bool
    /// What it does, one sentence.
    package let meaning: String

    init(_ name: String, _ shape: String, default text: String? = nil, secret: Bool = false, _ meaning: String) {
        self.name = "TRIBUTARY_" + name
        self.shape = shape
        defaultText = text
        isSecret = secret
        self.meaning = meaning
    }
}
