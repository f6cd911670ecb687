"""What an order's facts amount to: the conversion's state and each partner's commission.

Where events leave something open (an answer that was lost, one id with two bodies, two versions with one number), the
result is a set: each outcome in it is right.
"""

from fractions import Fraction
from itertools import combinations, product

from amounts import minor_units, rounded
from events import VERSIONED, Event

COMBINATIONS_MAX = 4096
# Minor units; no order and no refund is larger.
AMOUNT_MAX = 10 ** 15


class Unsupported(Exception):
    """The events use something that this program does not compute; better no answer than a wrong one."""


class Outcome:
    """The conversion's state (`None`: no conversion) and what partners get, in minor units."""

    def __init__(self, conversion, currency=None, commissions=(), policies=()):
        self.conversion, self.currency = conversion, currency
        self.commissions = tuple(sorted(commissions))
        self.policies = tuple(policies)

    def key(self):
        return self.conversion, self.currency, self.commissions

    def as_json(self):
        return {"conversion": self.conversion, "currency": self.currency,
                "commissions": [{"partner": partner, "amountMinor": amount} for partner, amount in self.commissions]}


def outcomes(slots, programme, clicks):
    """All outcomes that the slots of one order allow, without repeats."""
    found = {}
    for chosen in bounded_product([slot.options for slot in slots]):
        facts = [item for item in chosen if item is not None]
        for outcome in outcomes_of_facts(facts, programme, clicks):
            found[outcome.key()] = outcome
    return list(found.values())


def outcomes_of_facts(facts, programme, clicks):
    events = [fact for fact in facts if isinstance(fact, Event)]
    acts = [fact for fact in facts if not isinstance(fact, Event)]
    versions = [event for event in events if event.type in VERSIONED]
    refunds = {}
    for event in events:
        if event.type == "order.refunded":
            refunds.setdefault(str(event.first("refundId") or event.identifier), []).append(event)
    # Of equal versions the greater digest wins, which only the system itself knows: each is allowed.
    for orders in orderings(versions):
        currency = currency_of(orders[0]) if orders else None
        # A refund in another currency than the order's is refused, before it is asked which of several counts.
        counting = [[event for event in said if is_refund_in(currency, event)] for said in refunds.values()]
        for chosen in bounded_product([newest(said) for said in counting if said]):
            yield from OneOrder(events, acts, orders, chosen, programme, clicks).outcomes()


def currency_of(version):
    return version.fields.get("currency", "KRW")


def is_refund_in(currency, refund):
    """Whether a refund says something about an order of that currency: it names no other, and its amounts exist in it."""
    if refund.fields.get("currency") not in (None, currency):
        return False
    amounts = [refund.first("refundAmount", "amount"), *(line.get("amount") for line in refund.first("lines") or [])]
    try:
        return all(minor_units(amount, currency) <= AMOUNT_MAX for amount in amounts if amount is not None)
    except ValueError:
        return False


def is_not_later(left, right):
    """Shops send whole seconds: times are compared in the coarser precision of the two."""
    if left % 1000 == 0 or right % 1000 == 0:
        left, right = left // 1000, right // 1000
    return left <= right


def bounded_product(options):
    size = 1
    for choices in options:
        size *= max(1, len(choices))
    if size > COMBINATIONS_MAX:
        raise Unsupported(f"{size} combinations of what may have happened")
    return product(*options)


def newest(events):
    """The candidates for the highest version."""
    top = max(event.version for event in events)
    return distinct(event for event in events if event.version == top)


def orderings(versions):
    """The versions in rising order, one ordering for each winner among equal numbers."""
    groups = [distinct(event for event in versions if event.version == number)
              for number in sorted({event.version for event in versions})]
    tops = list(bounded_product([range(len(group)) for group in groups]))
    return [
        [event for group, top in zip(groups, choice)
         for event in group[:top] + group[top + 1:] + [group[top]]]
        for choice in tops
    ] or [[]]


def distinct(events):
    by_content = {}
    for event in events:
        by_content.setdefault((event.type in VERSIONED, strip_identity(event)), event)
    return list(by_content.values())


def strip_identity(event):
    return tuple(sorted((name, str(value)) for name, value in event.fields.items() if name not in ("eventId", "id")))


class OneOrder:
    """The fold of one set of facts; `versions` rise, `refunds` are the ones that count."""

    def __init__(self, events, acts, versions, refunds, programme, clicks):
        self.programme, self.clicks, self.acts = programme, clicks, acts
        self.is_cancelled = any(event.type == "order.cancelled" for event in events)
        confirmations = [event.at for event in events if event.type == "order.confirmed"]
        self.confirmed_at = min(confirmations) if confirmations else None
        self.currency = currency_of(versions[0]) if versions else None
        # Another currency than the first version's is refused.
        self.versions = [event for event in versions if currency_of(event) == self.currency]
        self.refunds = [event for event in refunds if not event.fields.get("removed", False)]

    def outcomes(self):
        if not self.versions:
            # A cancellation leaves a tombstone; anything else waits for its parent.
            yield Outcome("cancelled" if self.is_cancelled else None)
            return
        lines = self.lines(self.versions[-1], self.refunds)
        net = sum(line[2] for line in lines)
        conversion = self.conversion(net)
        partner = self.partner()
        if partner is None or (self.confirmed_at is None and not self.is_cancelled):
            yield Outcome(conversion, self.currency)
            return
        if self.is_cancelled or net <= 0 or not self.is_payable(partner):
            yield Outcome(conversion, self.currency, [(partner.code, 0)])
            return
        if any(act.kind == "cancel" and act.partner in (None, partner.code) for act in self.acts):
            yield Outcome(conversion, self.currency, [(partner.code, 0)])
            return
        adjustments = [act for act in self.acts if act.kind == "adjust" and act.partner in (None, partner.code)]
        if adjustments:
            last = max(act.at for act in adjustments)
            for act in (act for act in adjustments if act.at == last):
                for base in self.possible_bases(act):
                    amount = act.new_amount if base == 0 else rounded(Fraction(act.new_amount * net, base))
                    yield Outcome(conversion, self.currency, [(partner.code, amount)])
            return
        amount, policies = self.commission(partner, lines)
        yield Outcome(conversion, self.currency, [(partner.code, amount)], policies)

    def conversion(self, net):
        if self.is_cancelled:
            return "cancelled"
        if self.refunds and net <= 0:
            return "refunded"
        if self.confirmed_at is None:
            return "pending"
        return "partial_refund" if self.refunds else "confirmed"

    # --- base and refunds

    def lines(self, version, refunds):
        """(product, base, net) for each line of the order."""
        total = minor_units(version.first("orderAmount", "orderValue"), self.currency)
        rows = version.first("lines") or []
        if not rows:
            given = version.first("base")
            base = total if given is None else minor_units(given, self.currency)
            quantity = int(version.first("quantity") or 1)
            return [(self.choice_field("productId"), base, base - self.refunded_of_whole(refunds, base, total, quantity))]
        return [self.line(row, refunds) for row in rows]

    def refunded_of_whole(self, refunds, base, total, quantity):
        amount, units = 0, 0
        for refund in refunds:
            if refund.first("lines"):
                raise Unsupported("a refund by lines of an order without lines")
            given = refund.first("refundAmount", "amount")
            # An amount that is given wins over units.
            if given is not None:
                amount += minor_units(given, self.currency)
            else:
                units += int(refund.first("refundQuantity", "quantity") or 0)
        by_amount = rounded(Fraction(base * min(amount, total), total)) if total else 0
        # All refunds together; they never take more than there is.
        return min(base, by_amount + rounded(Fraction(base * min(units, quantity), quantity)))

    def line(self, row, refunds):
        net, ordered = minor_units(row["net"], self.currency), int(row.get("quantity", 1))
        amount, units = 0, 0
        for refund in refunds:
            if not refund.first("lines"):
                raise Unsupported("a refund of the whole of an order with lines")
            if refund.first("refundAmount", "amount") is not None:
                raise Unsupported("a refund with both an amount and lines")
            for part in refund.first("lines"):
                if str(part["lineId"]) != str(row["id"]):
                    continue
                if part.get("amount") is not None:
                    amount += minor_units(part["amount"], self.currency)
                else:
                    units += int(part.get("quantity") or 0)
        refunded = min(net, amount + rounded(Fraction(net * min(units, ordered), ordered)))
        return row.get("productId", self.choice_field("productId")), net, net - refunded

    def possible_bases(self, act):
        """The net bases an adjustment may have been made at."""
        if act.net_base is not None:
            return {act.net_base}
        if act.after is not None:
            versions = [event for event in self.versions if event.identifier in act.after]
            known = [refund for refund in self.refunds if refund.identifier in act.after]
            return {sum(line[2] for line in self.lines(versions[-1], known))} if versions else set()
        if len(self.refunds) > 10:
            raise Unsupported("an adjustment without its net base among more than ten refunds")
        return {
            sum(line[2] for line in self.lines(version, subset))
            for version in self.versions
            for count in range(len(self.refunds) + 1)
            for subset in combinations(self.refunds, count)
        }

    # --- who and what

    def choices(self):
        """Versions from the deciding one back: the highest not later than the confirmation."""
        candidates = self.versions
        if self.confirmed_at is not None:
            candidates = [event for event in self.versions if is_not_later(event.at, self.confirmed_at)]
            candidates = candidates or self.versions[:1]
        return candidates[::-1]

    def choice_field(self, *names):
        """What the deciding version says, or the newest one before it that says it."""
        return next((value for value in (event.first(*names) for event in self.choices()) if value is not None), None)

    def converted_at(self):
        made = [event.at for event in self.versions if event.type == "order.created"]
        return min(made or [event.at for event in self.versions])

    def click(self):
        return self.clicks.get(self.choice_field("clickId", "referralClickId"))

    def partner(self):
        click = self.click()
        code = click["referralCode"] if click else self.choice_field("referralCode", "partnerId")
        return self.programme.partners.get(code)

    def is_payable(self, partner):
        click = self.click()
        if click is not None:
            age = self.converted_at() - click["at"]
            if click.get("status", "valid") != "valid" or age > self.programme.window_ms:
                return False
            if age < -self.programme.tolerance_ms and not self.choice_field("clickId", "referralClickId"):
                return False
        return partner.is_active and self.choice_field("customerId") not in partner.customers

    def commission(self, partner, lines):
        by_policy = {}
        is_new = bool(self.choice_field("isNewCustomer"))
        for line_product, base, net in lines:
            for policy in self.programme.choose(partner, line_product, is_new, self.currency, self.converted_at()):
                by_policy.setdefault(policy, []).append((base, net))
        return sum(policy.commission(part) for policy, part in by_policy.items()), [
            policy for policy in by_policy if policy.uses_max is not None]
