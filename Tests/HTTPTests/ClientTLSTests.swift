import EventLoop
import Glibc
import TestSupport
import Testing

@testable import HTTPClient

/// Against OpenSSL's own server, with a certificate made for the test.
@Suite(.timeLimit(.minutes(1))) struct ClientTLSTests {
    init() { Loop.startThread() }

    /// A server for `tls.test` whose certificate is its own authority.
    private struct Server {
        let process: TestProcess
        let port: Int
        let certificate: String

        @Loop static func start(_ options: [String] = []) async throws -> Server {
            let folder = "/tmp/\(uniqueName("tls"))"
            try #require(mkdir(folder, 0o700) == 0)
            let (key, certificate) = ("\(folder)/key.pem", "\(folder)/certificate.pem")
            let made = try await runCommand(
                "openssl",
                [
                    "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                    "-subj", "/CN=tls.test", "-addext", "subjectAltName=DNS:tls.test", "-keyout", key, "-out",
                    certificate,
                ])
            try #require(made.status == 0, "\(made.stderr)")
            let port = try TestPort.free()
            let process = try TestProcess.start(
                "openssl",
                ["s_server", "-accept", "127.0.0.1:\(port)", "-key", key, "-cert", certificate, "-www", "-quiet"]
                    + options)
            let server = Server(process: process, port: port, certificate: certificate)
            try await eventually { (try? await RawPeer.connect(port: port)).map { $0.isConnected } ?? false }
            return server
        }

        func stop() {
            process.kill()
            unlink(certificate)
            let folder = String(certificate.dropLast("/certificate.pem".count))
            unlink("\(folder)/key.pem")
            rmdir(folder)
        }
    }

    @Loop private func client() throws -> HTTPClient {
        try loopbackClient { $0.lookup = NameLookup { _ in [IPAddress("127.0.0.1")!] } }
    }

    private func get(_ host: String, _ server: Server, trusting file: String?) -> HTTPClientRequest {
        var request = HTTPClientRequest(method: "GET", url: "https://\(host):\(server.port)/")
        request.certificateAuthorityFile = file
        return request
    }

    @Loop @Test func aCertificateOfTheGivenAuthorityIsTrustedForItsNameOnly() async throws {
        let server = try await Server.start()
        defer { server.stop() }
        let client = try client()
        let good = await client.perform(get("tls.test", server, trusting: server.certificate))
        #expect(good.isSuccess && good.timings.tlsMicroseconds > 0, "\(String(describing: good.failure))")
        let misnamed = await client.perform(get("other.test", server, trusting: server.certificate))
        #expect(misnamed.failure?.kind == .tls)
        let unknown = await client.perform(get("tls.test", server, trusting: nil))
        #expect(unknown.failure?.kind == .tls)
        client.close()
    }

    @Loop @Test func whatIsOlderThanTLS12IsRefused() async throws {
        let server = try await Server.start(["-tls1_1", "-cipher", "DEFAULT:@SECLEVEL=0"])
        defer { server.stop() }
        let client = try client()
        #expect(await client.perform(get("tls.test", server, trusting: server.certificate)).failure?.kind == .tls)
        client.close()
    }
}
