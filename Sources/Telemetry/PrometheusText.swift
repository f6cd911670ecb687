/// The Prometheus text exposition format, version 0.0.4.
struct PrometheusText {
    private(set) var bytes: [UInt8] = []

    /// The `# HELP` and `# TYPE` lines. In help, a backslash and a line feed are escaped, a quote is not.
    mutating func header(name: String, help: String, type: String) {
        append("# HELP \(name) ")
        escape(help, quote: false)
        append("\n# TYPE \(name) \(type)\n")
    }

    /// One sample line.
    mutating func sample(name: String, labels: [(name: String, value: String)], value: Double) {
        append(name)
        if !labels.isEmpty {
            for (index, label) in labels.enumerated() {
                append(index == 0 ? "{" : ",")
                append("\(label.name)=\"")
                escape(label.value, quote: true)
                append("\"")
            }
            append("}")
        }
        append(" \(Self.number(value))\n")
    }

    /// A number as Go's ParseFloat reads it: whole numbers without a point, `+Inf`, `-Inf`, `NaN`.
    static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        if let whole = Int64(exactly: value), whole.magnitude < 1 << 53 { return String(whole) }
        return value.description
    }

    private mutating func append(_ text: String) { bytes.append(contentsOf: text.utf8) }

    private mutating func escape(_ text: String, quote: Bool) {
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\\"): append("\\\\")
            case 0x0A: append("\\n")
            case UInt8(ascii: "\"") where quote: append("\\\"")
            default: bytes.append(byte)
            }
        }
    }
}
