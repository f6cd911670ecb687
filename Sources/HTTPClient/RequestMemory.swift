import CCurl
import EventLoop

/// The header lines and the body of one request, in memory of our own that is used again for the next one.
///
/// libcurl copies neither: what it is given is good until the next call or this object's end.
@Loop
final class RequestMemory {
    private var text = Block()
    private var nodes = Block()
    private var content = Block()

    /// Bytes that are kept for the next request; what a larger one took is given back after it.
    nonisolated private static let keptBytesMax = 64 * 1024

    /// Memory that grows when it must.
    private struct Block {
        var start = UnsafeMutableRawPointer.allocate(byteCount: 1024, alignment: 16)
        var capacity = 1024

        mutating func reserve(_ bytes: Int) {
            guard bytes > capacity || capacity > RequestMemory.keptBytesMax else { return }
            start.deallocate()
            capacity = max(bytes, 1024)
            start = .allocate(byteCount: capacity, alignment: 16)
        }
    }

    isolated deinit {
        for block in [text, nodes, content] { block.start.deallocate() }
    }

    /// The request's body; never null.
    func copyBody(_ body: [UInt8]) -> UnsafeRawPointer {
        content.reserve(body.count)
        content.start.copyMemory(from: body, byteCount: body.count)
        return UnsafeRawPointer(content.start)
    }

    /// The header in libcurl's notation, where `name:` takes away what it would add, and `name;` is a field without value.
    func list(_ headers: [(String, String)]) -> UnsafeMutablePointer<curl_slist> {
        var size = 0
        var namesContentType = false
        for (name, value) in headers {
            size += name.utf8.count + value.utf8.count + 3
            if name.utf8.count == 12, name.lowercased() == "content-type" { namesContentType = true }
        }
        text.reserve(size + 32)
        nodes.reserve((headers.count + 2) * MemoryLayout<curl_slist>.stride)
        let list = nodes.start.bindMemory(to: curl_slist.self, capacity: headers.count + 2)
        var next = text.start.assumingMemoryBound(to: UInt8.self)
        var count = 0

        func put(_ bytes: UnsafeBufferPointer<UInt8>) {
            if let first = bytes.baseAddress { next.update(from: first, count: bytes.count) }
            next += bytes.count
        }

        func append(_ name: String, _ separator: StaticString, _ value: String) {
            let line = UnsafeMutableRawPointer(next).assumingMemoryBound(to: CChar.self)
            var (name, value) = (name, value)
            name.withUTF8(put)
            separator.withUTF8Buffer(put)
            value.withUTF8(put)
            next.pointee = 0
            next += 1
            (list + count).initialize(to: curl_slist(data: line, next: nil))
            if count > 0 { (list + count - 1).pointee.next = list + count }
            count += 1
        }

        append("Expect", ":", "")
        if !namesContentType { append("Content-Type", ":", "") }
        for (name, value) in headers { append(name, value.isEmpty ? ";" : ": ", value) }
        return list
    }
}
