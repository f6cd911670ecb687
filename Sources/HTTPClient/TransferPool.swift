import CCurl
import Core
import EventLoop

/// Transfers at rest, each with an easy handle that has its options for one URL already: the next attempt there sets only
/// what differs.
@Loop
final class TransferPool {
    private let configuration: HTTPClientConfiguration
    private var idle: [Transfer.Kind: [Transfer]] = [:]
    private var idleCount = 0

    init(_ configuration: HTTPClientConfiguration) { self.configuration = configuration }

    /// A transfer with all options but those of ``Transfer/begin(_:timeout:connectTimeout:)`` and ``Transfer/send(_:)``.
    func take(for request: HTTPClientRequest, to destination: Destination) -> Transfer {
        let kind = Transfer.Kind(
            method: request.method, url: destination.url, certificateAuthorityFile: request.certificateAuthorityFile)
        if let transfer = idle[kind]?.popLast() {
            idleCount -= 1
            return transfer
        }
        let policy = configuration.destinationPolicy
        let transfer = Transfer(kind, policy: policy, mayResolve: destination.address != nil)
        transfer.prepare(protocols: policy.allowsHTTP ? "https,http" : "https")
        let easy = transfer.easy
        easy.set(CURLOPT_MAXLIFETIME_CONN, Int(configuration.connectionLifetime.components.seconds))
        easy.set(CURLOPT_MAXAGE_CONN, Int(configuration.connectionIdleMax.components.seconds))
        easy.set(CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_1_1))
        easy.set(CURLOPT_USERAGENT, configuration.userAgent)
        if let file = request.certificateAuthorityFile { easy.set(CURLOPT_CAINFO, file) }
        return transfer
    }

    func giveBack(_ transfer: Transfer) {
        // What other methods set depends on the request.
        guard transfer.kind.method == "POST" else { return }
        // Each costs about 12 KiB. When there are too many, all are let go.
        if idleCount >= configuration.idleConnectionsMax { empty() }
        idle[transfer.kind, default: []].append(transfer)
        idleCount += 1
    }

    func empty() {
        idle = [:]
        idleCount = 0
    }
}
