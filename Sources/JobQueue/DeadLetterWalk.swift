import Core
package import EventLoop

/// Goes through the dead letters that match a filter, page by page, while its caller redrives or deletes them.
///
/// Letters that die while it goes on are left out, so that jobs which die again at once do not keep it going for ever.
@Loop
package final class DeadLetterWalk {
    private let queue: JobQueue
    private let payloads: Bool
    private var filter: JobFilter
    private var cursor: JobCursor?
    private var page: JobPage?
    /// Dead letters that were looked at.
    package private(set) var seen = 0

    /// - Parameters:
    ///   - filter: its places are not looked at: dead letters are meant.
    ///   - payloads: whether the jobs carry their payloads.
    package init(_ queue: JobQueue, _ filter: JobFilter, payloads: Bool = false) {
        self.queue = queue
        self.filter = filter
        self.payloads = payloads
        self.filter.places = [.dead]
    }

    /// The next page of those that match; perhaps empty. `nil` at the end.
    ///
    /// - Parameter movedAway: how many of the last page's were taken away by the caller.
    package func next(movedAway: Int = 0) async throws(QueueError) -> [StoredJob]? {
        if let page {
            guard let next = page.next else { return nil }
            // Those that went no longer stand where the page ended: it goes on behind the last one that stayed.
            if !page.isPlaceUnfinished || movedAway == 0 {
                cursor = next
            } else if let stayed = page.lastUnmatched {
                cursor = JobCursor(after: stayed)
            }
        }
        let found = try await queue.scan(filter, after: cursor, payloads: payloads)
        // Redis' time of the first look.
        if page == nil { filter.until = min(filter.until ?? found.now, found.now) }
        // The first look begins a place; later ones that all went begin there again.
        cursor = cursor ?? found.beginning
        page = found
        seen += found.seen
        return found.jobs
    }
}

extension JobPage {
    /// The beginning of the place that this page is a part of; `nil` when nothing is behind it.
    fileprivate var beginning: JobCursor? {
        next.map { JobCursor(queue: $0.queue, shard: $0.shard, place: $0.place) }
    }
}
