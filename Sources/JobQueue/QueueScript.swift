import JobQueueScripts
import Redis

/// The queue's scripts, put together from the embedded files.
///
/// The second line of an operation, `--@include common records`, names the files of the library it needs. They are put in
/// its place, since a Redis script cannot load another.
enum QueueScript {
    static let enqueue = make("enqueue")
    static let enqueueFirst = make("enqueue_first")
    static let lease = make("lease")
    static let settle = make("settle")
    static let extend = make("extend")
    static let tick = make("tick")
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
        let lines = text(of: name).split(separator: "\n", maxSplits: 2, omittingEmptySubsequences: false)
        let directive = "--@include "
        precondition(
            lines.count == 3 && lines[0].hasPrefix("#!lua") && lines[1].hasPrefix(directive),
            "\(name).lua has no header")
        let library = lines[1].dropFirst(directive.count).split(separator: " ").map { text(of: String($0)) }
        return RedisScript(
            name: name, source: ([String(lines[0])] + library + [String(lines[2])]).joined(separator: "\n"))
    }
}
