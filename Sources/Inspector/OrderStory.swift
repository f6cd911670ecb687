import Core

/// An order's story as people read it: a heading, then each part in the order in which things happen.
struct OrderStory {
    let lines: [String]

    init(_ story: JSON) {
        var lines: [String] = []
        let order = story["order"] ?? .null
        lines.append(
            "Order \(order["externalId"]?.plain ?? "") of \(order["source"]?.plain ?? "")  (\(order["id"]?.plain ?? ""))"
        )
        let (facts, priced) = (order["factsSeq"]?.plain ?? "", order["pricedSeq"]?.plain ?? "")
        lines.append(
            facts == priced ? "  all \(facts) facts are in the books" : "  \(priced) of \(facts) facts are in the books"
        )
        Self.section(story["facts"], "Facts", &lines) { fact in
            "#\(fact["seq"]?.plain ?? "")  \(fact["kind"]?.plain ?? "")  \(fact["occurredAt"]?.plain ?? "")  "
                + (fact["data"]?.plain ?? "")
        }
        if let conversion = story["conversion"], !conversion.isNull {
            lines += ["", "Conversion  \(conversion["status"]?.plain ?? "")"]
            let shares = conversion["attribution"]?["shares"]?.array ?? []
            for share in shares {
                lines.append(
                    "  ├ \(share["basisPoints"]?.plain ?? "0") of 10000 to \(share["partnerId"]?.plain ?? "") by "
                        + "\(share["evidence"]?.plain ?? "")\(share["reason"].map { ": \($0.plain)" } ?? "")")
            }
            if let reason = conversion["reason"], !reason.isNull { lines.append("  └ \(reason.plain)") }
        }
        Self.section(story["commissions"], "Commissions", &lines) { commission in
            "\(commission["referralCode"]?.plain ?? "")  \(amount(commission))  \(commission["status"]?.plain ?? "")"
                + (commission["reason"].flatMap { $0.isNull ? nil : "  \($0.plain)" } ?? "")
                + "  held until \(commission["holdUntil"]?.plain ?? "-")"
        }
        Self.section(story["ledger"], "Ledger", &lines) { entry in
            "\(entry["kind"]?.plain ?? "")  \(amount(entry))  \(entry["debit"]?.plain ?? "") → \(entry["credit"]?.plain ?? "")"
        }
        Self.section(story["audit"], "Audit", &lines) { entry in
            "\(entry["at"]?.plain ?? "")  \(entry["action"]?.plain ?? "")  \(entry["reason"]?.plain ?? "")"
        }
        Self.section(story["deliveries"], "Webhooks", &lines) { delivery in
            "\(delivery["type"]?.plain ?? "")  \(delivery["status"]?.plain ?? "") after \(delivery["attempt"]?.plain ?? "0")"
        }
        self.lines = lines
    }

    private static func section(_ list: JSON?, _ title: String, _ lines: inout [String], line: (JSON) -> String) {
        guard let items = list?.array, !items.isEmpty else { return }
        lines += ["", title]
        for (index, item) in items.enumerated() {
            lines.append("  \(index == items.count - 1 ? "└" : "├") " + line(item))
        }
    }
}

/// `amountMinor` and `currency` of an object in major units, such as `5000 KRW`.
private func amount(_ json: JSON) -> String {
    guard let minor = json["amountMinor"]?.integer, let code = json["currency"]?.string,
        let currency = Currency.named(code)
    else { return json["amountMinor"]?.plain ?? "-" }
    return "\(Money(minorUnits: minor, currency: currency).amount) \(code)"
}
