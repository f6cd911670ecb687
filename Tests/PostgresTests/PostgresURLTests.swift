import Testing

@testable import Postgres

@Suite struct PostgresURLTests {
    @Test func everyPartIsRead() throws {
        let configuration = try PostgresConfiguration(
            url:
                "postgresql://al%40ice:p%3Aw@10.0.0.7:5433/my%20db?application_name=me&connect_timeout=7&sslmode=require"
        )
        #expect(configuration.address == .ip("10.0.0.7", port: 5433))
        #expect(configuration.user == "al@ice")
        #expect(configuration.password == "p:w")
        #expect(configuration.database == "my db")
        #expect(configuration.applicationName == "me")
        #expect(configuration.connectTimeout == .seconds(7))
        #expect(configuration.tls.mode == .require)
    }

    @Test(arguments: [
        ("postgresql://u@localhost/d", PostgresConfiguration.Address.ip("127.0.0.1", port: 5432)),
        ("postgres://u@[::1]:6000/d", .ip("::1", port: 6000)),
        ("postgresql://u@[::1]/d", .ip("::1", port: 5432)),
        ("postgresql://u@%2Frun%2Fpg:6000/d", .socketDirectory("/run/pg", port: 6000)),
        ("postgresql:///d?user=u&host=/run/pg", .socketDirectory("/run/pg", port: 5432)),
        ("postgresql://u@/d", .socketDirectory("/var/run/postgresql", port: 5432)),
        ("postgresql://u@db.example/d?hostaddr=10.1.2.3", .ip("10.1.2.3", port: 5432)),
    ])
    func placesAreNumericOrSockets(url: String, address: PostgresConfiguration.Address) throws {
        #expect(try PostgresConfiguration(url: url).address == address)
    }

    @Test func theNameBesideAnAddressIsWhatTheCertificateMustCarry() throws {
        let configuration = try PostgresConfiguration(
            url: "postgresql://u@db.example/d?hostaddr=10.1.2.3&sslmode=verify-full&sslrootcert=/ca.pem")
        #expect(configuration.tls.serverName == "db.example")
        #expect(configuration.keywords.contains { $0 == ("host", "db.example") })
    }

    @Test func aNameIsRefusedAndSaidToBeOne() {
        let error = #expect(throws: PostgresURLError.self) {
            try PostgresConfiguration(url: "postgresql://u@db.example/d")
        }
        #expect(error?.description.contains("'db.example' is a name") == true)
    }

    @Test(arguments: [
        "", "mysql://u@127.0.0.1/d", "postgresql://127.0.0.1/d", "postgresql://u@127.0.0.1:0/d",
        "postgresql://u@127.0.0.1:x/d", "postgresql://u@127.0.0.1/d?pool=3", "postgresql://u@127.0.0.1/d?sslmode=maybe",
        "postgresql://u:%zz@127.0.0.1/d", "postgresql://u:%0@127.0.0.1/d", "postgresql://u@127.0.0.1/%00",
        "postgresql://u@[::1]x/d", "postgresql://u@127.0.0.1/d?hostaddr=name", "postgresql://u@/d?connect_timeout=0",
    ])
    func otherTextIsRefused(url: String) {
        #expect(throws: PostgresURLError.self) { try PostgresConfiguration(url: url) }
    }

    @Test func theDescriptionHidesThePassword() throws {
        let configuration = try PostgresConfiguration(url: "postgresql://u:secret@[::1]:6000/d")
        #expect(configuration.description == "postgresql://u:***@[::1]:6000/d")
    }
}
