import Fleet
import Glibc
import JobQueue

/// What the commands of the queue's benchmark share: the form of its jobs, and the process around them.
enum QueueBench {
    static let kind = "noop.v1"
    static let payloadBytes = 200
    private static let idDigits = 18

    /// `bench-` and 18 digits: 24 letters, as many as a Sidekiq job id has.
    static func id(of number: Int) -> String {
        let digits = String(number)
        return "bench-" + String(repeating: "0", count: idDigits - digits.utf8.count) + digits
    }

    static func number(ofID id: String) -> Int? { Int(id.dropFirst(6)) }

    /// What a job may use beyond the plain one.
    enum Feature: String {
        case none
        /// Each of the four priorities in turn.
        case priorities
        /// A lifetime of an hour.
        case lifetime
        /// A unique key each.
        case unique
        /// 5,000 order keys in turn.
        case orderKeys = "order-keys"
        /// An order as its payload (``OrderBench``).
        case order
    }

    /// - Parameter stamp: when the job was due, in nanoseconds of the monotonic clock; 0 where nobody asks.
    static func job(_ number: Int, queue: QueueName, feature: Feature = .none, stamp: Int64 = 0) -> NewJob {
        let id = id(of: number)
        if feature == .order { return OrderBench.job(number, id: id, queue: queue) }
        let key = feature == .orderKeys ? "key-\(number % 5000)" : id
        var job = NewJob(id: id, queue: queue, kind: kind, payload: payload(number, stamp: stamp), shardKey: key)
        switch feature {
        case .none, .order: break
        case .priorities: job.priority = PriorityBand.allCases[number % PriorityBand.allCases.count]
        case .lifetime: job.lifetime = .seconds(3600)
        case .unique: job.unique = UniqueKey(id, .reject)
        case .orderKeys: job.orderKey = key
        }
        return job
    }

    /// 200 bytes of JSON: the stamp in 19 digits, the number, and letters up to that size.
    private static func payload(_ number: Int, stamp: Int64) -> [UInt8] {
        var bytes = Array(stampField.utf8)
        bytes.reserveCapacity(payloadBytes)
        let digits = String(stamp)
        bytes.append(contentsOf: repeatElement(UInt8(ascii: "0"), count: stampDigits - digits.utf8.count))
        bytes.append(contentsOf: digits.utf8)
        bytes.append(contentsOf: #"","id":\#(number),"data":""#.utf8)
        bytes.append(contentsOf: repeatElement(UInt8(ascii: "x"), count: payloadBytes - 2 - bytes.count))
        bytes.append(contentsOf: #""}"#.utf8)
        return bytes
    }

    private static let stampField = #"{"stamp":""#
    private static let stampDigits = 19

    static func stamp(of payload: [UInt8]) -> Int64 {
        let start = stampField.utf8.count
        return payload[start..<start + stampDigits].reduce(0) { $0 * 10 + Int64($1) - 48 }
    }

    static func queueName(_ options: BenchOptions) throws -> QueueName {
        let text = options.text("queue", or: QueueName.commissions.rawValue)
        guard let name = QueueName(rawValue: text) else {
            throw BenchOptions.Problem(description: "there is no queue \(text)")
        }
        return name
    }

    static func feature(_ options: BenchOptions) throws -> Feature {
        let text = options.text("feature", or: Feature.none.rawValue)
        guard let feature = Feature(rawValue: text) else {
            throw BenchOptions.Problem(description: "there is no feature \(text)")
        }
        return feature
    }

    /// Processor time of this process up to now, in seconds.
    static var processorSeconds: Double {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
        return seconds(usage.ru_utime) + seconds(usage.ru_stime)
    }

    static func write(_ bytes: UnsafeRawBufferPointer, to path: String) throws {
        let file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
        guard file >= 0 else { throw BenchOptions.Problem(description: "\(path) cannot be written") }
        defer { close(file) }
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = Glibc.write(file, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
            guard count > 0 else { throw BenchOptions.Problem(description: "\(path) cannot be written") }
            rest = rest.dropFirst(count)
        }
    }
}
