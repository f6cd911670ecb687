import HTTPServer
import TestSupport
import Testing

@testable import Ingest

struct BotFilterTests {
    @Test(arguments: [
        ("curl/7.68.0", "curl"), ("CURL/8", "curl"), ("Mozilla/5.0 (compatible; Googlebot/2.1)", "bot"),
        ("Wget/1.21", "wget"), ("python-requests/2.31", "python"), ("HeadlessChrome/120", "headless"),
    ])
    func theTokenIsNamed(userAgent: String, token: String) {
        #expect(BotFilter.reason(userAgent: userAgent, headers: [:]) == "Bot user-agent detected: \(token)")
    }

    @Test func aPhoneOfCubotIsNoBot() {
        let phone =
            "Mozilla/5.0 (Linux; Android 13; CUBOT P80) AppleWebKit/537.36 Chrome/120.0.0.0 Mobile Safari/537.36"
        #expect(BotFilter.reason(userAgent: phone, headers: [:]) == nil)
        #expect(BotFilter.reason(userAgent: phone + " somebot", headers: [:]) != nil)
    }

    @Test(arguments: [nil, "", "  "]) func anEmptyUserAgentIsABots(userAgent: String?) {
        #expect(BotFilter.reason(userAgent: userAgent, headers: [:]) == "Empty user-agent")
    }

    @Test(arguments: [
        ("Purpose", "prefetch"), ("Sec-Purpose", "prefetch;prerender"), ("X-Moz", "prefetch"), ("X-Purpose", "preview"),
    ])
    func aPrefetchIsNoClick(name: String, value: String) {
        var headers = HTTPHeaders()
        headers.add(name, value)
        #expect(BotFilter.reason(userAgent: "Mozilla/5.0", headers: headers) == "Prefetch detected: \(name)")
    }

    /// Measured on user agents of real crawlers and browsers, where they are at hand.
    @Test func crawlersAreFoundAndBrowsersAreNot() throws {
        guard let crawlers = TestData.lines("crawler-user-agents.txt"),
            let browsers = TestData.lines("browser-user-agents.txt")
        else { return }
        let found = crawlers.count { BotFilter.token(in: $0) != nil }
        let wrong = browsers.filter { BotFilter.token(in: $0) != nil }
        let recall = Double(found) / Double(crawlers.count)
        print(
            "bot filter: \(found) of \(crawlers.count) crawlers found, \(wrong.count) of \(browsers.count) browsers wrong"
        )
        #expect(wrong.isEmpty)
        #expect(recall > 0.95)
    }

    @Test func tokensAreDistinctAndLowerCase() {
        #expect(Set(BotTokens.all).count == BotTokens.all.count)
        #expect(BotTokens.all.allSatisfy { $0 == $0.lowercased() && $0.utf8.count >= 2 })
        #expect(BotTokens.all.count > 300)
    }
}
