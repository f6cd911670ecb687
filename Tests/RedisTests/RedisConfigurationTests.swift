import Redis
import Testing

@Suite struct RedisConfigurationTests {
    @Test(arguments: ["redis.internal", "", "127.0.0.1:6379", "300.1.1.1", "[::1]"])
    func aNameIsRefusedWithAClearError(host: String) {
        #expect { try RedisConfiguration(host: host) } throws: { error in
            let error = error as? RedisError
            return error?.kind == .configuration && error?.message.contains("numeric") == true
        }
    }

    @Test func numericAddressesOfBothFamiliesAreTaken() throws {
        #expect(try RedisConfiguration(host: "10.0.0.7", port: 1).endpoint == .tcp(address: "10.0.0.7", port: 1))
        #expect(try RedisConfiguration(host: "::1").endpoint == .tcp(address: "::1", port: 6379))
        #expect(try RedisConfiguration(host: "localhost").endpoint == RedisConfiguration.loopback.endpoint)
    }

    @Test(arguments: [0, -1, 65_536])
    func aPortOutOfRangeIsRefused(port: Int) {
        #expect(throws: RedisError.self) { try RedisConfiguration(port: port) }
    }

    @Test func aSocketPathMustFitItsAddress() throws {
        #expect(throws: RedisError.self) { try RedisConfiguration(socketPath: "") }
        #expect(throws: RedisError.self) {
            try RedisConfiguration(socketPath: "/" + String(repeating: "x", count: 107))
        }
        #expect(try RedisConfiguration(socketPath: "/run/redis.sock").endpoint == .unix(path: "/run/redis.sock"))
    }

    @Test func itsTextHidesThePassword() throws {
        var configuration = try RedisConfiguration(host: "::1")
        configuration.password = "tell nobody"
        configuration.database = 3
        #expect(configuration.description == "redis://:***@[::1]:6379/3")
    }
}
