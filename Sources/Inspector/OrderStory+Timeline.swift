import Core

extension OrderStory {
    private struct Happening {
        let at: EpochMilliseconds
        let what: String
        let name: String
        var nameStyle = TextStyle.plain
        var amount = ""
        var details = ""

        var cells: [StyledLine] {
            ["\(at.timeOfDay)", "\(what, .dim)", "\(name, nameStyle)", "\(amount)", "\(details)"]
        }
    }

    /// Everything in the order in which this system came to know of it, each day under its date.
    func timeline() -> Table {
        var table = Table(
            columns: [
                .init(heading: ""), .init(heading: ""), .init(heading: ""), .init(heading: "", isRight: true),
                .init(heading: "", isElastic: true, isWrapped: true),
            ], indent: 2, hasHeadings: false)
        let happenings = facts + ledger + audit + deliveries + otherEvents
        // A stable sort: what happened in one millisecond stays in the order of cause and effect.
        let sorted = happenings.enumerated().sorted { ($0.element.at, $0.offset) < ($1.element.at, $1.offset) }
        var day = ""
        for (_, happening) in sorted {
            if happening.at.day != day {
                day = happening.at.day
                table.rows.append(["\(day, .dim)", "", "", "", ""])
            }
            table.rows.append(happening.cells)
        }
        return table
    }

    private var facts: [Happening] {
        (story["facts"]?.array ?? []).compactMap { fact in
            guard let at = fact["acceptedAt"]?.instant else { return nil }
            let data = fact["data"] ?? .null
            var details = details(of: fact["kind"]?.plain ?? "", data)
            if let occurred = fact["occurredAt"]?.instant, occurred.day != at.day {
                details.append("of \(occurred.shown)")
            }
            return Happening(
                at: at, what: "fact \(fact["seq"]?.plain ?? "")", name: words(fact["kind"]), nameStyle: .bold,
                amount: amount(of: data), details: details.joined(separator: ", "))
        }
    }

    private func amount(of data: JSON) -> String {
        if let amount = data["orderAmount"] ?? data["newAmount"] ?? data["amount"] {
            return shown(amount, data["currency"])
        }
        let lines = (data["lines"]?.array ?? []).compactMap { $0["amount"]?.integer }
        return lines.isEmpty ? "" : shown(JSON(integer: lines.reduce(0, +)))
    }

    private func details(of kind: String, _ data: JSON) -> [String] {
        func named(_ key: String, _ name: String) -> String? {
            data[key].flatMap { $0.isNull ? nil : name + $0.plain }
        }
        switch kind {
        case "created", "updated":
            let lines = data["lines"]?.array?.count ?? 0
            return [
                named("productId", "").map { $0 + (data["quantity"].map { " × \($0.plain)" } ?? "") },
                lines > 0 ? lines.counted("line") : nil, named("referralCode", "code "), named("clickId", "click "),
                named("customerId", data["isNewCustomer"]?.bool == true ? "new customer " : "customer "),
            ].compactMap(\.self)
        case "refund":
            return [
                named("refundId", ""), data["quantity"]?.integer.flatMap { $0 > 0 ? "\($0) pieces" : nil },
                data["removed"]?.bool == true ? "taken back" : nil,
            ].compactMap(\.self)
        case "touch":
            let isValid = data["isValid"]?.bool != false
            return [
                "click for \(data["referralCode"]?.plain ?? "-")", "by \(words(data["evidence"]))",
                isValid ? nil : "does not count: \(words(data["reason"]))",
            ].compactMap(\.self)
        default:
            return [
                named("method", "").map { "\($0) \(data["reference"]?.plain ?? "")" },
                data["partnerId"].map { "for \(partner($0))" }, named("by", "by "), named("reason", ""),
            ].compactMap(\.self)
        }
    }

    private var ledger: [Happening] {
        (story["ledger"]?.array ?? []).compactMap { entry in
            guard let at = entry["at"]?.instant else { return nil }
            return Happening(
                at: at, what: "ledger", name: words(entry["kind"]),
                amount: shown(entry["amountMinor"], entry["currency"]),
                details: "\(words(entry["debit"])) → \(words(entry["credit"]))")
        }
    }

    private var audit: [Happening] {
        (story["audit"]?.array ?? []).compactMap { entry in
            guard let at = entry["at"]?.instant else { return nil }
            let change = entry["changes"]?.array?.first { $0["field"]?.string == "status" }
            let (old, new) = (change?["oldValue"]?.string, change?["newValue"]?.string)
            let status = old == new ? nil : new.map { (old.map { "\($0) → " } ?? "") + $0 }
            let by = entry["by"].flatMap { $0.isNull ? nil : "by \($0.plain)" }
            let reason = entry["reason"].flatMap { $0.isNull ? nil : $0.plain }
            return Happening(
                at: at, what: "audit", name: words(entry["action"]),
                details: [status, by, reason].compactMap(\.self).joined(separator: ", "))
        }
    }

    private var deliveries: [Happening] {
        (story["deliveries"]?.array ?? []).compactMap { delivery in
            guard let at = delivery["endedAt"]?.instant ?? delivery["createdAt"]?.instant else { return nil }
            let status = delivery["status"]?.plain ?? ""
            let attempts = Int(delivery["attempt"]?.integer ?? 0)
            let to = "to \(delivery["url"]?.plain ?? "")"
            var details = ["\(status) \(to)"]
            if attempts != 1 { details.append("after \(attempts.counted("attempt"))") }
            if status == "owed" {
                details = ["owed \(to)", "\(attempts.counted("attempt")) so far"]
                if let next = delivery["nextAttemptAt"]?.instant { details.append("next \(next.shown)") }
            }
            if let reason = delivery["endReason"], !reason.isNull { details.append(words(reason)) }
            if status != "delivered", let last = delivery["lastAttempt"]?["httpStatus"], !last.isNull {
                details.append("last answer \(last.plain)")
            }
            return Happening(
                at: at, what: "webhook", name: delivery["type"]?.plain ?? "",
                nameStyle: status == "delivered" ? .plain : Self.style(ofStatus: status),
                details: details.joined(separator: ", "))
        }
    }

    private var otherEvents: [Happening] {
        (story["otherEvents"]?.array ?? []).compactMap { event in
            guard let at = event["acceptedAt"]?.instant else { return nil }
            let reason = event["reason"].flatMap { $0.isNull ? nil : ": \(words($0))" } ?? ""
            return Happening(
                at: at, what: "event", name: event["type"]?.plain ?? "", nameStyle: .dim,
                details: "\(event["state"]?.plain ?? "")\(reason), id \(event["eventId"]?.plain ?? "")")
        }
    }
}
