"""The orders of a run: events as shops would send them, from a seed alone, and the policies that pay for them."""

import datetime

PARTNERS = {"PARTNER001": "bronze", "GOLD001": "gold", "SILVER01": "silver"}


def instant(seconds):
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).isoformat(timespec="milliseconds")


class Orders:
    """`events` in the order of sending, and the orders that an operator shall adjust or cancel."""

    def __init__(self, dice, count, start):
        self.events, self.shuffled, self.doubled = [], 0, 0
        self.refunded, self.cancelled = set(), set()
        for number in range(count):
            self.add(dice, number, start + number * 0.01)
        names = [f"o-{number}" for number in range(count)]
        chosen = dice.sample(names, count // 40)
        self.to_cancel = set(chosen[:len(chosen) // 6])
        self.to_adjust = set(chosen[len(chosen) // 6:])
        # Events of one order are spread over several requests, and some overtake others.
        self.events = [event for _, event in sorted(
            enumerate(self.events), key=lambda pair: pair[0] + dice.random() * 12)]

    def add(self, dice, number, at):
        order, amount = f"o-{number}", dice.choice([100000, 33333, 10000, 250000, 7001])
        facts = [
            {"type": "order.created", "orderAmount": amount, "currency": "KRW", "version": 1,
             "referralCode": dice.choice(list(PARTNERS)), "isNewCustomer": False},
            {"type": "order.confirmed"}]
        if dice.random() < 0.1:
            facts.append({"type": "order.updated", "orderAmount": amount + 1000, "currency": "KRW", "version": 2})
        if dice.random() < 0.1:
            self.refunded.add(order)
            for refund in range(dice.choice([1, 2])):
                facts.append({"type": "order.refunded", "refundId": f"r{refund}", "refundAmount": amount // 4,
                              "currency": "KRW"})
        if dice.random() < 0.05:
            self.cancelled.add(order)
            facts.append({"type": "order.cancelled", "reason": "Customer cancellation"})
        for index, fact in enumerate(facts):
            fact.update(id=f"{order}-{index}", orderId=order, occurredAt=instant(at + index))
        if dice.random() < 0.34:
            self.shuffled += 1
            before = list(facts)
            while facts == before:
                dice.shuffle(facts)
        self.events += facts
        if dice.random() < 0.1:
            self.doubled += 1
            self.events.append(dict(dice.choice(facts)))

    def __str__(self):
        return (f"{len(self.events)} events: {self.shuffled} orders out of order, {self.doubled} doubled, "
                f"{len(self.refunded)} refunded, {len(self.cancelled)} cancelled; "
                f"an operator adjusts {len(self.to_adjust)} and cancels {len(self.to_cancel)}")


def in_batches(dice, events, size_max=12):
    """Requests of 1 to `size_max` events. An event that comes twice comes in two requests: in one, the second would be
    refused by its index."""
    batches, index = [], 0
    while index < len(events):
        size, batch, names = dice.randint(1, size_max), [], set()
        while index < len(events) and len(batch) < size and events[index]["id"] not in names:
            names.add(events[index]["id"])
            batch.append(events[index])
            index += 1
        batches.append(batch)
    return batches


def policies(year):
    """What `tributary seed` saves, in the oracle's words."""
    rows = [("DEFAULT", 0, None, "5"), ("TIER-BRONZE", 10, "bronze", "5"), ("TIER-SILVER", 20, "silver", "7"),
            ("TIER-GOLD", 30, "gold", "10"), ("TIER-PLATINUM", 40, "platinum", "12")]
    made = [{"policyCode": f"{code}-{year}", "version": 1, "status": "ACTIVE", "priority": priority, "partnerTier": tier,
             "commissionType": "PERCENTAGE", "commissionRate": rate, "minCommission": 1000, "validFrom": f"{year}-01-01",
             "validUntil": f"{year}-12-31"} for code, priority, tier, rate in rows]
    return {"programme": {"timeZone": "Asia/Seoul", "windowDays": 30}, "products": {}, "policies": made,
            "partners": [{"referralCode": code, "tier": tier, "isActive": True} for code, tier in PARTNERS.items()]}
