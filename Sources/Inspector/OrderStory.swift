import Core

/// An order's story as people read it: what it is, who gets the credit and what and why, and all that happened in time.
struct OrderStory {
    private(set) var page = Page()
    let story: JSON
    private let partners: [String: JSON]

    init(_ story: JSON) {
        self.story = story
        var partners: [String: JSON] = [:]
        for partner in story["partners"]?.array ?? [] { partners[partner["id"]?.plain ?? ""] = partner }
        self.partners = partners
        addHead()
        addCredit()
        addCommissions()
        addAccounts()
        addTimeline()
    }

    var conversion: JSON? {
        // A plain `nil` would be read as JSON's null.
        guard let conversion = story["conversion"], !conversion.isNull else { return Optional.none }
        return conversion
    }

    /// Facts of one order are all of its currency.
    var currency: String { conversion?["currency"]?.string ?? "" }

    /// Minor units as people read them, such as `5,000 KRW`.
    func shown(_ minorUnits: JSON?, _ code: JSON? = nil) -> String {
        guard let minor = minorUnits?.integer else { return minorUnits?.plain ?? "-" }
        let code = code?.string ?? currency
        guard let known = Currency.named(code) else { return "\(minor.grouped) \(code)" }
        return Money(minorUnits: minor, currency: known).shown
    }

    func partner(_ id: JSON?) -> String { partners[id?.plain ?? ""]?["referralCode"]?.string ?? id?.plain ?? "-" }

    /// A code such as `new_customers_only` in words.
    func words(_ code: JSON?) -> String { (code?.plain ?? "-").replacing("_", with: " ") }

    static func style(ofStatus status: String) -> TextStyle {
        switch status {
        case "confirmed", "paid", "delivered": .good
        case "cancelled", "not_payable", "refunded", "dead": .bad
        default: .notice
        }
    }

    private mutating func addHead() {
        let order = story["order"] ?? .null
        page.add("Order \(order["externalId"]?.plain ?? "", .bold) of \(order["source"]?.plain ?? "", .bold)")
        page.add("  \(order["id"]?.plain ?? ""), programme \(order["programme"]?.plain ?? "")")
        if let conversion {
            let refunded = conversion["refundedAmountMinor"]?.integer ?? 0
            var line: StyledLine = "  \(shown(conversion["orderAmountMinor"]))"
            if refunded > 0 { line.append(", of which \(shown(conversion["refundedAmountMinor"])) went back") }
            let status = conversion["status"]?.plain ?? ""
            line.append("  ")
            line.append(status.replacing("_", with: " "), Self.style(ofStatus: status))
            if let why = conversion["cancellationReason"]?.string { line.append(": \(why)") }
            page.add(line)
        } else {
            page.add("  \("no conversion yet", .notice): the order has not been created by an event")
        }
        let (facts, priced) = (order["factsSeq"]?.integer ?? 0, order["pricedSeq"]?.integer ?? 0)
        if facts == priced {
            page.add("  all its facts are in the books: \(Int(facts).grouped)")
        } else {
            page.add(
                "  \("\(priced) of \(Int(facts).counted("fact")) are in the books", .notice): the others wait to be priced"
            )
        }
        if let since = order["parkedSince"]?.instant {
            page.add("  \("parked", .notice) since \(since.shown): a confirmation waits for its order to be created")
        }
    }

    private mutating func addCredit() {
        guard let conversion else { return }
        page.heading("\("Credit", .bold)")
        if let reason = conversion["reason"], !reason.isNull { page.add("  nobody is paid: \(words(reason))") }
        let attribution = conversion["attribution"] ?? .null
        var table = Table(
            columns: [
                .init(heading: ""), .init(heading: "", isElastic: true), .init(heading: "", isRight: true),
                .init(heading: ""),
            ],
            indent: 2, hasHeadings: false)
        for share in attribution["shares"]?.array ?? [] {
            let id = share["partnerId"]
            let reason = share["reason"].flatMap { $0.isNull ? nil : ": \(words($0))" } ?? ""
            table.rows.append([
                "\(partner(id), .bold)", "\(partners[id?.plain ?? ""]?["name"]?.plain ?? "")",
                "\(percent(share["basisPoints"]?.integer ?? 0, of: 10_000))",
                "by \(words(share["evidence"])), \(words(attribution["model"]))\(reason)",
            ])
        }
        page.add(table)
        for touch in attribution["touches"]?.array ?? [] {
            let verdict = touch["verdict"].flatMap { $0.isNull ? nil : "does not count: \(words($0))" }
            let clicked = touch["clickedAt"]?.integer.map { EpochMilliseconds(rawValue: $0).shown } ?? "-"
            page.add(
                "    click of \(clicked) by \(words(touch["evidence"]))\(verdict.map { ", " + $0 } ?? "")")
        }
    }

    /// `numerator / whole` in percent, with no more decimals than it needs.
    private func percent(_ numerator: Int64, of whole: Int64) -> String {
        let hundredths = numerator * 10_000 / whole
        let text =
            hundredths % 100 == 0
            ? "\(hundredths / 100)" : "\(hundredths / 100).\(hundredths % 100 < 10 ? "0" : "")\(hundredths % 100)"
        return "\(text) %"
    }

    // MARK: Commissions and why

    private mutating func addCommissions() {
        guard let commissions = story["commissions"]?.array, !commissions.isEmpty else { return }
        page.heading("\("Commissions", .bold)")
        for commission in commissions {
            let status = commission["status"]?.plain ?? ""
            var line: StyledLine = "  \(commission["referralCode"]?.plain ?? "", .bold)  "
            line.append(shown(commission["amountMinor"], commission["currency"]), .bold)
            line.append("  ")
            line.append(status.replacing("_", with: " "), Self.style(ofStatus: status))
            if let reason = commission["reason"], !reason.isNull { line.append(": \(words(reason))") }
            if status == "pending", let until = commission["holdUntil"]?.instant {
                line.append(", held until \(until.shown)")
            }
            if let method = commission["paymentMethod"]?.string {
                line.append(" by \(method) \(commission["paymentReference"]?.plain ?? "")")
            }
            page.add(line)
            page.add("    \(commission["id"]?.plain ?? "", .dim)")
            addTrace(commission["trace"] ?? .null, commission["currency"])
        }
    }

    private mutating func addTrace(_ trace: JSON, _ code: JSON?) {
        for policy in trace["policies"]?.array ?? [] {
            var text = "    \(policy["code"]?.plain ?? ""): "
            let net = shown(policy["net"], code)
            switch policy["commission"]?["kind"]?.string {
            case "percentage":
                text += "\(percent(policy["commission"]?["ppm"]?.integer ?? 0, of: 1_000_000)) of \(net)"
            case let kind: text += "\(kind ?? "") on \(net)"
            }
            if let base = policy["base"], base != policy["net"] { text += " (\(shown(base, code)) before refunds)" }
            text += " = \(shown(policy["amount"], code))"
            if let bound = policy["bound"], !bound.isNull { text += ", \(words(bound))" }
            page.add(StyledLine(text))
        }
        if let share = trace["basisPoints"]?.integer, share != 10_000 {
            page.add("    of it \(percent(share, of: 10_000)), this partner's share")
        }
        if let adjustment = trace["adjustment"], !adjustment.isNull {
            page.add(
                "    set to \(shown(adjustment["newAmount"], code)) by \(adjustment["by"]?.plain ?? "-"): \(adjustment["reason"]?.plain ?? "")"
            )
        }
        var seen: Set<String> = []
        for trial in trace["trials"]?.array ?? [] {
            for tried in trial["tried"]?.array ?? [] {
                let outcome = tried["outcome"]?.string ?? ""
                guard outcome != "chosen", outcome != "stacked" else { continue }
                let text = "    \(tried["code"]?.plain ?? "") does not apply: \(words(tried["outcome"]))"
                if seen.insert(text).inserted { page.add(StyledLine(text, .dim)) }
            }
        }
    }

    private mutating func addAccounts() {
        var sums: [String: Int64] = [:]
        for entry in story["ledger"]?.array ?? [] {
            guard let amount = entry["amountMinor"]?.integer, let code = entry["currency"]?.string else { continue }
            sums["\(entry["debit"]?.plain ?? "")\t\(code)", default: 0] -= amount
            sums["\(entry["credit"]?.plain ?? "")\t\(code)", default: 0] += amount
        }
        let rows = sums.filter { $0.value != 0 }.sorted { $0.key < $1.key }.map { key, sum -> [StyledLine] in
            let parts = key.split(separator: "\t").map(String.init)
            return [
                StyledLine(parts[0].replacing("_", with: " ")),
                StyledLine(shown(JSON(integer: sum), .string(parts[1]))),
            ]
        }
        guard !rows.isEmpty else { return }
        page.heading("\("Balances", .bold)")
        page.add(
            Table(
                columns: [.init(heading: ""), .init(heading: "", isRight: true)], rows: rows, indent: 2,
                hasHeadings: false))
    }

    private mutating func addTimeline() {
        let table = timeline()
        guard !table.rows.isEmpty else { return }
        page.heading("\("What happened", .bold) (UTC)")
        page.add(table)
    }
}
