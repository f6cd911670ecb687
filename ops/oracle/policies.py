"""The policies of a programme, read from JSON: which one pays for a line, and how much.

{"programme": {"timeZone": "Asia/Seoul", "windowDays": 30},
 "partners": [{"referralCode": "PARTNER001", "tier": "gold", "isActive": true, "customerIds": []}],
 "products": {"prod-001": {"category": "shoes"}},
 "policies": [{"policyCode": "DEFAULT-2026", "version": 1, "status": "ACTIVE", "priority": 0,
               "partnerTier", "partner": a referral code, "productId", "category", "requiresNewCustomer", "currency",
               "commissionType": "PERCENTAGE" | "FIXED" | "TIERED",
               "commissionRate": "5.0" (percent) | "fixedAmount": 500 |
               "tiers": {"mode": "marginal" | "prospective", "steps": [{"threshold": 0, "rate": "5.0"}]},
               "minCommission", "maxCommission", "rounding": "halfEven" | "halfUp",
               "refundMode": "proportional" | "all_or_nothing", "validFrom", "validUntil", "createdAt", "id",
               "maxUsageTotal", "canStackWithOtherPolicies"}]}

Amounts are minor units. `validFrom` and `validUntil` are instants (RFC 3339), or dates: the beginning of the one, the end
of the other, in the programme's zone.
"""

from datetime import date, datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

from amounts import HALF_EVEN, rounded


def milliseconds(text):
    return round(datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1000)


def boundary(text, zone, is_end):
    """An instant or a date of the validity, in milliseconds; `None` is no boundary."""
    if text is None:
        return None
    if len(text) > 10:
        return milliseconds(text)
    day = date.fromisoformat(text) + timedelta(days=1 if is_end else 0)
    return round(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp() * 1000)


class Policy:
    def __init__(self, row, zone):
        self.code, self.version = row["policyCode"], row.get("version", 1)
        self.identifier = row.get("id", self.code)
        self.is_active = row.get("status", "ACTIVE") == "ACTIVE"
        self.priority = row.get("priority", 0)
        self.tier, self.partner = row.get("partnerTier"), row.get("partner")
        self.product, self.category = row.get("productId"), row.get("category")
        self.needs_new_customer, self.currency = row.get("requiresNewCustomer", False), row.get("currency")
        self.kind = row.get("commissionType", "PERCENTAGE")
        self.rate = Fraction(str(row.get("commissionRate", "0"))) / 100
        self.fixed = row.get("fixedAmount", 0)
        self.tiers = row.get("tiers")
        self.minimum, self.maximum = row.get("minCommission"), row.get("maxCommission")
        self.rounding, self.refund_mode = row.get("rounding", HALF_EVEN), row.get("refundMode", "proportional")
        self.valid_from = boundary(row.get("validFrom"), zone, False)
        self.valid_until = boundary(row.get("validUntil"), zone, True)
        self.created_at = milliseconds(row["createdAt"]) if "createdAt" in row else 0
        self.uses_max, self.stacks = row.get("maxUsageTotal"), row.get("canStackWithOtherPolicies", False)

    def holds(self, partner, product, category, is_new_customer, currency, at):
        return (
            self.is_active
            and (self.valid_from is None or at >= self.valid_from)
            and (self.valid_until is None or at < self.valid_until)
            and self.tier in (None, partner.tier)
            and self.partner in (None, partner.code)
            and self.product in (None, product)
            and self.category in (None, category)
            and (is_new_customer or not self.needs_new_customer)
            and self.currency in (None, currency)
        )

    @property
    def specificity(self):
        if self.partner is not None:
            return 6 if self.product is not None else 5
        if self.product is not None:
            return 4
        if self.category is not None:
            return 3
        if self.tier is not None:
            return 2
        return 1 if self.needs_new_customer else 0

    def commission(self, lines):
        """What it pays for (base, net) lines: a rate is rounded once a line, all else once."""
        base, net = sum(line[0] for line in lines), sum(line[1] for line in lines)
        if net <= 0:
            return 0
        # What is a fixed amount by nature shrinks with refunds: so does the minimum.
        share = Fraction(net, base) if self.refund_mode == "proportional" else Fraction(1)
        if self.kind == "FIXED":
            amount = rounded(self.fixed * share, self.rounding)
        elif self.kind == "TIERED" and self.tiers["mode"] == "marginal":
            amount = rounded(self.marginal(net), self.rounding)
        else:
            rate = self.rate if self.kind == "PERCENTAGE" else self.reached_rate(net)
            amount = sum(rounded(line_net * rate, self.rounding) for _, line_net in lines)
        if self.minimum is not None:
            amount = max(amount, rounded(self.minimum * share, self.rounding))
        if self.maximum is not None:
            amount = min(amount, self.maximum)
        return amount

    def steps(self):
        return sorted((step["threshold"], Fraction(str(step["rate"])) / 100) for step in self.tiers["steps"])

    def reached_rate(self, net):
        return next((rate for threshold, rate in reversed(self.steps()) if net >= threshold), Fraction(0))

    def marginal(self, net):
        steps = self.steps()
        ends = [threshold for threshold, _ in steps[1:]] + [net]
        return sum(max(0, min(net, end) - threshold) * rate for (threshold, rate), end in zip(steps, ends))


class Partner:
    def __init__(self, row):
        self.code, self.tier = row["referralCode"], (row.get("tier") or "").lower() or None
        self.is_active, self.customers = row.get("isActive", True), set(row.get("customerIds", []))


class Programme:
    def __init__(self, description):
        settings = description.get("programme", {})
        zone = ZoneInfo(settings.get("timeZone", "Asia/Seoul"))
        self.window_ms = settings.get("windowDays", 30) * 86_400_000
        self.tolerance_ms = settings.get("toleranceSeconds", 300) * 1000
        self.partners = {row["referralCode"]: Partner(row) for row in description.get("partners", [])}
        self.products = description.get("products", {})
        newest = {}
        for row in description.get("policies", []):
            policy = Policy(row, zone)
            newest.setdefault(policy.code, []).append(policy)
        self.policies = [policy for versions in newest.values() for policy in versions]

    def choose(self, partner, product, is_new_customer, currency, at):
        """The policies that pay for a product, the chosen one first; empty when none holds."""
        category = self.products.get(product, {}).get("category") if product else None
        holding = [
            policy for policy in self.policies
            if policy.holds(partner, product, category, is_new_customer, currency, at)
        ]
        # A newer version of a code replaces the older ones that hold as well.
        newest = {}
        for policy in holding:
            if policy.code not in newest or policy.version > newest[policy.code].version:
                newest[policy.code] = policy
        # Highest priority, more specific, newest (when it was made, then its number), id.
        ranked = sorted(
            newest.values(), key=lambda policy: (-policy.priority, -policy.specificity, -policy.created_at,
                                                 -policy.version, policy.identifier))
        if not ranked or not ranked[0].stacks:
            return ranked[:1]
        return [policy for policy in ranked if policy.stacks]
