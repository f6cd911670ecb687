import Core
import EventLoop
import Redis
import TestSupport
import Testing

@testable import Inspector

/// `migrate`, `seed`, and who may earn, sell, receive and post.
struct SetupCommandTests {
    init() { Loop.startThread() }

    @Loop @Test func migratingBringsTheSchemaAndSaysSo() async throws {
        try await InspectorFixture.run(isMigrated: false) { tributary in
            let first = try await tributary("migrate")
            #expect(first.status == .ok && first.out.hasPrefix("up 0001_create_the_books\n"))
            let again = try await tributary("migrate")
            #expect(again.out.hasPrefix("Nothing to do: the schema is at "))
            let status = try await tributary("migrate", "--status", "--json").json["migrations"]?[0]
            #expect(status == ["number": 1, "name": "create_the_books", "applied": true])
            #expect(try await tributary("migrate", "--to", "0").status == .ok)
            let dropped = try await tributary("migrate", "--status", "--json").json["migrations"]?.array ?? []
            #expect(!dropped.isEmpty && dropped.allSatisfy { $0["applied"] == false })
            let unknown = try await tributary("migrate", "--to", "4711")
            #expect(unknown.status == .failed && unknown.errors.contains("there is no migration 4711"))
        }
    }

    @Loop @Test func seedingSavesSixPoliciesOnce() async throws {
        try await InspectorFixture.run { tributary in
            let policies = try await tributary("seed", "--year", "2026", "--json").json["policies"]?.array ?? []
            #expect(policies.count == 6 && policies.allSatisfy { $0["saved"]?.bool == true })
            let again = try await tributary("seed", "--year", "2026")
            #expect(again.lines[1] == "  there  DEFAULT-2026        5 %")
            #expect(again.lines[6] == "  there  PROMO-WINTER2026    15 % (new customers only)")
            let unknown = try await tributary("seed", "--programme", "none")
            #expect(unknown.status == .failed && unknown.errors == "tributary seed: there is no programme none\n")
            #expect(try await tributary("seed", "--year", "26").status == .usage)
        }
    }

    @Loop @Test func partnersAreAddedAndListed() async throws {
        try await InspectorFixture.run { tributary in
            #expect(
                try await tributary("partner", "list").out.hasPrefix(
                    "No partners yet: add one by `tributary partner add"))
            #expect(try await tributary("partner", "list", "--json").out == "{\"partners\":[]}\n")
            let added = try await tributary("partner", "add", "--code", "ADA", "--name", "아다", "--tier", "gold")
            #expect(added.status == .ok && added.out.contains("tributary endpoint add --partner ADA"))
            try await tributary.addPartner("BOB")
            let partners = try await tributary("partner", "list", "--json").json["partners"]?.array ?? []
            #expect(partners.map { $0["referralCode"] } == ["ADA", "BOB"])
            #expect(partners.map { $0["tier"] } == ["gold", .null] && partners.map { $0["active"] } == [true, true])
            // A Korean letter takes two columns.
            let lines = try await tributary("partner", "list").lines
            #expect(lines[1].hasPrefix("ADA   아다        gold  yes     "))
            #expect(lines[2].hasPrefix("BOB   Ada's Blog  -     yes     "))
            let twice = try await tributary("partner", "add", "--code", "ADA", "--name", "Again")
            #expect(twice.status == .failed)
            #expect(
                twice.errors
                    == "tributary partner add: the partner was not added: there is a partner ADA already: see `tributary partner list`\n"
            )
            let tier = try await tributary("partner", "add", "--code", "C", "--name", "C", "--tier", "gld")
            #expect(tier.status == .usage && tier.errors.contains("did you mean gold?"))
            let programme = try await tributary("partner", "add", "--code", "C", "--name", "C", "--programme", "none")
            #expect(programme.status == .failed && programme.errors.contains("there is no programme none"))
        }
    }

    @Loop @Test func aPartnerIsNotAddedWhenTheIngestCannotHearOfIt() async throws {
        try await InspectorFixture.run { tributary in
            let port = try TestPort.free()
            let away = try await tributary(
                "partner", "add", "--code", "ADA", "--name", "Ada",
                changing: ["TRIBUTARY_REDIS_URL": "redis://127.0.0.1:\(port)"])
            #expect(away.status == .unreachable)
            #expect(try await tributary("partner", "list", "--json").out == "{\"partners\":[]}\n")
        }
    }

    @Loop @Test func productsAreSavedAndListed() async throws {
        try await InspectorFixture.run { tributary in
            #expect(
                try await tributary("product", "add", "--id", "p-1", "--name", "Scarf").out == "Product p-1 is saved.\n"
            )
            _ = try await tributary("product", "add", "--id", "p-1", "--name", "Warm scarf", "--category", "winter")
            let list = try await tributary("product", "list", "--json").json
            #expect(list == ["products": [["productId": "p-1", "name": "Warm scarf", "category": "winter"]]])
        }
    }

    @Loop @Test func endpointsShowTheirSecretOnce() async throws {
        try await InspectorFixture.run { tributary in
            try await tributary.addPartner("ADA")
            let added = try await tributary(
                "endpoint", "add", "--partner", "ADA", "--url", "https://ada.example/hooks", "--events",
                "commission.*,conversion.created", "--json"
            ).json
            let secret = try #require(added["secret"]?.string)
            #expect(secret.hasPrefix("whsec_"))
            let list = try await tributary("endpoint", "list", "--partner", "ADA", "--json")
            #expect(!list.out.contains(secret))
            let endpoint = try list.json["endpoints"]?[0]
            #expect(endpoint?["endpointId"] == added["endpointId"] && endpoint?["enabled"] == true)
            #expect(endpoint?["events"] == ["commission.*", "conversion.created"])
            let stranger = try await tributary("endpoint", "add", "--partner", "EVE", "--url", "https://eve.example")
            #expect(stranger.status == .failed && stranger.errors.contains("there is no partner EVE"))
            let wrong = try await tributary("endpoint", "add", "--partner", "ADA", "--url", "ftp://ada.example")
            #expect(wrong.status == .failed && wrong.errors.contains("the URL must begin with https://"))
        }
    }

    @Loop @Test func keysAreShownOnceAndRevoked() async throws {
        try await InspectorFixture.run { tributary in
            let added = try await tributary("key", "add", "--source", "shop", "--name", "Shop", "--json").json
            let (id, key) = (try #require(added["keyId"]?.string), try #require(added["key"]?.string))
            #expect(key.hasPrefix("tk_live_") && added["scopes"] == ["events:write", "events:read"])
            let list = try await tributary("key", "list")
            #expect(list.out.contains(id) && list.out.contains(String(key.prefix(12))) && !list.out.contains(key))
            #expect(try await tributary("key", "revoke", id).status == .ok)
            #expect(try await tributary("key", "list", "--json").json["keys"]?[0]?["revokedAt"]?.string != nil)
            let twice = try await tributary("key", "revoke", id)
            #expect(twice.status == .failed && twice.errors.contains("there is no key \(id) that is not revoked"))
            let scope = try await tributary("key", "add", "--source", "s", "--name", "n", "--scopes", "events:delete")
            #expect(scope.status == .usage && scope.errors.contains("there is no scope events:delete"))
        }
    }

    @Loop @Test func hooksAreSavedAndListedWithoutTheirSecrets() async throws {
        try await InspectorFixture.run { tributary in
            let added = try await tributary(
                "hook", "add", "--source", "acme", "--platform", "shopify", "--secret", "hush-hush")
            #expect(
                added.out == "Hook acme is saved. The platform posts to /api/v1/hooks/shopify/acme of the ingest.\n")
            let list = try await tributary("hook", "list", "--json")
            #expect(!list.out.contains("hush-hush"))
            #expect(
                try list.json == [
                    "hooks": [
                        [
                            "source": "acme", "platform": "shopify",
                            "codeFrom": ["note_attributes", "landing_site", "discount_code"],
                        ]
                    ]
                ])
            let wrong = try await tributary("hook", "add", "--source", "a b", "--platform", "shopify", "--secret", "s")
            #expect(wrong.status == .failed && wrong.errors.contains("the hook was not added"))
        }
    }

    @Loop @Test func theDirectoryIsPublishedAnew() async throws {
        try await InspectorFixture.run { tributary in
            try await tributary.addPartner("ADA")
            let prefix = tributary.environment["TRIBUTARY_PREFIX"] ?? ""
            let keys = { @Loop in
                try await tributary.connection.command(["KEYS", .string("\(prefix):{directory}*")]).array?.count ?? 0
            }
            let published = try await keys()
            #expect(published >= 2)
            _ = try await tributary.connection.command(["DEL", .string("\(prefix):{directory}:pointer")])
            let lost = try await keys()
            #expect(lost == published - 1)
            #expect(try await tributary("directory", "rebuild").out == "The directory is published.\n")
            let pointer = try await tributary.connection.command(["EXISTS", .string("\(prefix):{directory}:pointer")])
            #expect(pointer.integer == 1)
        }
    }
}
