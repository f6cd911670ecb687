import Core

/// CloudEvents 1.0 in structured mode (JSON format): <https://github.com/cloudevents/spec>.
enum CloudEvent {
    /// The fields in `data`; what is wrong with the envelope is noted in its reader.
    static func data(of envelope: inout FieldReader) throws(IngestRefusal) -> FieldReader {
        if envelope.object["specversion"]?.string != "1.0" { envelope.refuse("specversion", "must be \"1.0\"") }
        if envelope.text("source") == nil, envelope.problems.allSatisfy({ $0.field != "source" }) {
            envelope.refuse("source", "is required: a string")
        }
        if let type = envelope.text("datacontenttype"), !isJSON(type) {
            envelope.refuse("datacontenttype", "must be application/json")
        }
        if envelope.object["data_base64"] != nil {
            envelope.refuse("data_base64", "is not accepted: the data must be JSON in data")
        }
        guard let data = envelope.object["data"], !data.isNull else { return FieldReader(JSONObject(), path: "data.") }
        guard let object = data.object else {
            envelope.refuse("data", "must be an object")
            return FieldReader(JSONObject(), path: "data.")
        }
        return FieldReader(object, path: "data.")
    }

    private static func isJSON(_ type: String) -> Bool {
        let media = type.split(separator: ";").first.map { $0.trimmed.lowercased() } ?? ""
        return media == "application/json" || media.hasSuffix("+json")
    }
}

extension StringProtocol {
    /// Without spaces and tabs at its ends.
    var trimmed: SubSequence {
        let isSpace: (Character) -> Bool = { $0 == " " || $0 == "\t" }
        guard let first = firstIndex(where: { !isSpace($0) }), let last = lastIndex(where: { !isSpace($0) }) else {
            return self[startIndex..<startIndex]
        }
        return self[first...last]
    }
}
