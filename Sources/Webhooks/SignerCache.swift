import Core
import Crypto
import EventLoop
import Fleet

/// The signers of the endpoints met lately: opening a secret and preparing its key costs more than signing with it.
@Loop
final class SignerCache {
    private struct Entry {
        let secrets: [SealedSecret]
        let signers: [HMACSHA256.Keyed]
    }

    private let sealer: SecretSealer
    private var entries: [UUID: Entry] = [:]

    /// Endpoints remembered; beyond that all are forgotten.
    private static let entriesMax = 10_000

    init(_ sealer: SecretSealer) { self.sealer = sealer }

    /// One for each secret of the delivery, as they stand in its row: a rotation is seen at once.
    func signers(for delivery: BegunDelivery) throws(SecretSealer.Failure) -> [HMACSHA256.Keyed] {
        if let entry = entries[delivery.endpointID], entry.secrets == delivery.secrets { return entry.signers }
        var signers: [HMACSHA256.Keyed] = []
        for secret in delivery.secrets {
            let opened = try sealer.open(secret, endpointID: delivery.endpointID)
            signers.append(HMACSHA256.Keyed(key: opened.key.reveal()))
        }
        if entries.count >= Self.entriesMax { entries = [:] }
        entries[delivery.endpointID] = Entry(secrets: delivery.secrets, signers: signers)
        return signers
    }
}
