import JobQueueScripts
import Redis

/// The queue's scripts, put together from the embedded files.
///
/// The second line of an operation, `--@include common records`, names the files of the library it needs. They are put in
/// its place, since a Redis script cannot load another. A third line, `--@rare order ends`, names files that most calls do
/// not need: they stand in a function `rare()`, which gives their functions. Redis makes a closure of each function of a
/// script in each call, some 0.1 µs for each.
enum QueueScript {
    static let enqueue = make("enqueue")
    static let enqueueFirst = make("enqueue_first")
    static let enqueueSlot = make("enqueue_slot")
    static let lease = make("lease")
    static let settle = make("settle")
    static let extend = make("extend")
    static let tick = make("tick")
    static let glance = make("glance")
    static let share = make("share")
    static let limitSet = make("limit_set")
    static let limitOf = make("limit_of")
    static let feedOpen = make("feed_open")
    static let feedLook = make("feed_look")
    static let feedAdd = make("feed_add")
    static let batchOpen = make("batch_open")
    static let batchSeal = make("batch_seal")
    static let batchFind = make("batch_find")
    static let cancel = make("cancel")
    static let cancelLeased = make("cancel_leased")
    static let check = make("check")
    static let checkPlaces = make("check_places")
    static let note = make("note")
    static let notesOf = make("notes_of")
    static let pause = make("pause")
    static let stats = make("stats")
    static let find = make("find")
    static let scan = make("scan")
    static let dead = make("dead")
    static let redrive = make("redrive")
    static let discard = make("discard")

    private static let files: [String: String] = {
        var files: [String: String] = [:]
        for index in 0..<job_queue_script_count() {
            let file = job_queue_script(index).pointee
            let bytes = UnsafeBufferPointer(start: file.bytes, count: file.length)
            files[String(cString: file.name)] = String(decoding: bytes, as: UTF8.self)
        }
        return files
    }()

    private static func text(of name: String) -> String {
        guard let text = files[name] else { preconditionFailure("no Lua file is named \(name)") }
        return text
    }

    private static func make(_ name: String) -> RedisScript {
        var lines = text(of: name).split(separator: "\n", omittingEmptySubsequences: false)[...]
        guard let first = lines.popFirst(), first.hasPrefix("#!lua"),
            let library = texts(of: "--@include ", in: &lines)
        else { preconditionFailure("\(name).lua has no header") }
        let rare = texts(of: "--@rare ", in: &lines).map { [wrapped($0)] } ?? []
        let parts = [String(first), "local rare"] + library + rare + [lines.joined(separator: "\n")]
        return RedisScript(name: name, source: parts.joined(separator: "\n"))
    }

    /// The files that the next line names, when it is that directive.
    private static func texts(of directive: String, in lines: inout ArraySlice<Substring>) -> [String]? {
        guard let line = lines.first, line.hasPrefix(directive) else { return nil }
        lines.removeFirst()
        return line.dropFirst(directive.count).split(separator: " ").map { text(of: String($0)) }
    }

    /// The files as one function that answers a table of theirs.
    private static func wrapped(_ files: [String]) -> String {
        let start = "local function "
        let names = files.flatMap { $0.split(separator: "\n") }.filter { $0.hasPrefix(start) }.map { line in
            String(line.dropFirst(start.count).prefix { $0 != "(" })
        }
        return """
            local loaded
            rare = function()
              if loaded then return loaded end
            \(files.joined(separator: "\n"))
              loaded = { \(names.map { "\($0) = \($0)" }.joined(separator: ", ")) }
              return loaded
            end
            """
    }
}
