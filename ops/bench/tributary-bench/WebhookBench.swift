import Core
import Crypto
import EventLoop
import Fleet
import Glibc
import HTTPClient
import Webhooks

extension BenchCommand {
    static let webhooks = BenchCommand(
        name: "webhooks",
        usage:
            "--url URL (%n in it is the endpoint's number, from 1) [--in-flight 64] [--seconds 4] [--warm-up 1] [--endpoints 1] [--body 300]"
    ) { options in
        let bench = try WebhookBench(options)
        print(await bench.run())
    }
}

/// The delivery engine without its rows: opens the secret, signs, sends, judges, counts; a new attempt begins as soon as
/// one ends.
@Loop
private final class WebhookBench {
    private let sender: DeliverySender
    private let client: HTTPClient
    private let deliveries: [BegunDelivery]
    private let inFlight: Int
    private let seconds: Int
    private let warmUpSeconds: Int
    private var latencies: [Int32] = []
    private var failures: [String: Int] = [:]
    private var isMeasuring = false
    private var isOver = false

    init(_ options: BenchOptions) throws {
        inFlight = try options.number("in-flight", or: 64)
        seconds = try options.number("seconds", or: 4)
        warmUpSeconds = try options.number("warm-up", or: 1)
        let sealer = SecretSealer(key: Secret(randomBytes(32)), keyID: "1")
        client = HTTPClient(
            DeliveryClient.configuration(allowing: ["127.0.0.0/8"], allowsHTTP: true, window: inFlight))
        sender = DeliverySender(client: client, sealer: sealer)
        let url = try options.text("url")
        let bodyBytes = try options.number("body", or: 300)
        deliveries = try (1...(try options.number("endpoints", or: 1))).map { number in
            let endpointID = UUID.version7(at: Loop.wallClock)
            let deliveryID = UUID.version7(at: Loop.wallClock)
            let start = #"{"id":"msg_\#(deliveryID)","type":"commission.created","data":""#
            let body = start + String(repeating: "x", count: max(0, bodyBytes - start.utf8.count - 2)) + #""}"#
            return BegunDelivery(
                deliveryID: deliveryID, endpointID: endpointID, fence: 1, attempt: 1,
                url: url.replacing("%n", with: "\(number)"), timeout: .seconds(30),
                eventID: "msg_\(deliveryID)", eventType: "commission.created", body: Array(body.utf8),
                secrets: [
                    SealedSecret(bytes: try sealer.seal(WebhookSecret.issue(), endpointID: endpointID), keyID: "1")
                ])
        }
    }

    /// One line of JSON: deliveries a second, latencies, and this process's CPU time a delivery.
    func run() async -> String {
        latencies.reserveCapacity(4_000_000)
        let lanes = (0..<inFlight).map { index in
            Task { @Loop in await send(deliveries[index % deliveries.count]) }
        }
        try? await Loop.sleep(for: .seconds(warmUpSeconds))  // the time that is not measured; nobody cancels it
        let cpuBefore = Self.cpuSeconds
        let begin = Loop.monotonicNanoseconds
        isMeasuring = true
        try? await Loop.sleep(for: .seconds(seconds))  // the time that is measured; nobody cancels it
        isMeasuring = false
        let elapsed = Double(Loop.monotonicNanoseconds - begin) / 1e9
        let cpu = Self.cpuSeconds - cpuBefore
        isOver = true
        for lane in lanes { await lane.value }
        client.close()
        let made = latencies.count
        latencies.sort()
        func milliseconds(_ part: Double) -> Double {
            made == 0 ? 0 : Double(latencies[min(made - 1, Int(Double(made) * part))]) / 1000
        }
        let failed = failures.isEmpty ? "" : failures.map { "\($0.key): \($0.value)" }.joined(separator: ", ")
        return """
            {"deliveries_per_second": \(Double(made) / elapsed), "p50_ms": \(milliseconds(0.5)), \
            "p99_ms": \(milliseconds(0.99)), "cpu_us": \(made == 0 ? 0 : cpu * 1e6 / Double(made)), \
            "failed": "\(failed)"}
            """
    }

    private func send(_ delivery: BegunDelivery) async {
        while !isOver {
            guard case .made(let record) = await sender.send(delivery) else {
                failures["not made", default: 0] += 1
                return
            }
            if record.status != "delivered" { failures[record.verdict.failureClass ?? "", default: 0] += 1 }
            if isMeasuring { latencies.append(Int32(clamping: record.result.timings.totalMicroseconds)) }
        }
    }

    private static var cpuSeconds: Double {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}
