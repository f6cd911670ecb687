"""The accepted events, one JSON object a line, as facts of orders.

{"event": the body that was sent to POST /api/v1/events, "may": true when its answer was not seen, "source": "shop-1"}
{"operator": "adjust", "id", "orderId", "partner": referral code, "newAmountMinor", "netBaseMinor",
 "afterEvents": [event ids], "at"}
{"operator": "cancel", "id", "orderId", "partner", "at"}

An event is flat, or carries its fields in `data` (CloudEvents). `netBaseMinor` is the order's net base when the operator
acted, `afterEvents` the events that it knew by then; without either every base that the order can have had is allowed.
"""

import json
from decimal import Decimal

from policies import milliseconds

VERSIONED = ("order.created", "order.updated")


class Event:
    """One event as it was sent; equal content of one id is one event."""

    def __init__(self, body, source):
        fields = {**{key: value for key, value in body.items() if key != "data"}, **body.get("data", {})}
        self.source = source
        self.identifier = body.get("eventId", body.get("id"))
        self.type, self.fields = body["type"], fields
        self.order = str(fields["orderId"])
        at = fields.get("occurredAt") or fields.get("time") or fields.get("timestamp")
        self.at = milliseconds(at)
        self.version = int(fields.get("version", self.at))
        # What tells two bodies of one id apart; key order and spelling of numbers do not.
        self.content = json.dumps(fields, sort_keys=True, default=lambda value: str(value.normalize()))

    def first(self, *names):
        """The first of several spellings that is given."""
        return next((self.fields[name] for name in names if self.fields.get(name) is not None), None)


class OperatorAct:
    def __init__(self, row):
        self.kind, self.order = row["operator"], str(row["orderId"])
        self.identifier, self.partner = row.get("id"), row.get("partner")
        self.new_amount, self.net_base = row.get("newAmountMinor"), row.get("netBaseMinor")
        self.after = None if row.get("afterEvents") is None else set(row["afterEvents"])
        self.at = milliseconds(row["at"]) if "at" in row else 0
        self.content = json.dumps(row, sort_keys=True, default=str)


class Slot:
    """All that was sent under one id: which of it took effect may be open."""

    def __init__(self):
        self.by_content, self.is_certain = {}, False

    def add(self, item, may):
        self.by_content.setdefault(item.content, item)
        self.is_certain = self.is_certain or not may

    @property
    def options(self):
        """Exactly one of these took effect; `None` stands for nothing did."""
        return list(self.by_content.values()) + ([] if self.is_certain else [None])


def read(lines):
    """Order id -> its slots. Orders are told apart by source and id; operators' acts belong to every source's."""
    slots, acts = {}, []
    for line in lines:
        if not line.strip():
            continue
        row = json.loads(line, parse_float=Decimal)
        if "operator" in row:
            acts.append((OperatorAct(row), row.get("may", False)))
            continue
        event = Event(row["event"], row.get("source", ""))
        order = slots.setdefault((event.source, event.order), {})
        order.setdefault(("event", event.identifier), Slot()).add(event, row.get("may", False))
    for act, may in acts:
        for (_, order), order_slots in slots.items():
            if order == act.order:
                order_slots.setdefault(("act", act.identifier), Slot()).add(act, may)
    return {key: list(order.values()) for key, order in slots.items()}
