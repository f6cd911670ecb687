#!/usr/bin/env python3
"""What partners have to get for a list of accepted events, computed apart from the system that is tested.

It shares no code with it: decimals and fractions here, 64-bit integers there. From events.jsonl (see events.py) and
policies.json (see policies.py) it prints for each order, as a line of JSON, the outcomes that are right:

{"source", "orderId", "outcomes": [{"conversion": "confirmed", "currency": "KRW",
                                    "commissions": [{"partner": "PARTNER001", "amountMinor": 5000}]}]}

One outcome where everything is known, several where an answer was lost. With --actual (lines of {"source", "orderId",
"conversion", "currency", "commissions": [{"partner", "amountMinor"}]}) it compares and ends with 1 at any difference;
a partner that is not named gets 0. Covered: one programme, last click, policies of all kinds; a limited policy only as
long as its limit suffices for all.
"""

import argparse
import json
import sys
from collections import Counter
from pathlib import Path

from events import read
from order_rules import Unsupported, outcomes
from policies import Programme, milliseconds


def expected(event_lines, policies, clicks):
    """Yields (source, order, outcomes); raises Unsupported."""
    programme = Programme(policies)
    uses = Counter()
    for (source, order), slots in sorted(read(event_lines).items()):
        allowed = outcomes(slots, programme, clicks)
        uses.update({policy for outcome in allowed for policy in outcome.policies})
        yield source, order, allowed
    for policy, count in uses.items():
        if count > policy.uses_max:
            raise Unsupported(f"{policy.code}: {count} orders want its {policy.uses_max} uses")


def normal_form(outcome):
    amounts = {row["partner"]: row["amountMinor"] for row in outcome.get("commissions", [])}
    nonzero = {partner: amount for partner, amount in amounts.items() if amount != 0}
    return outcome["conversion"], outcome.get("currency") if nonzero else None, tuple(sorted(nonzero.items()))


def differences(expected_rows, actual_rows):
    """Yields (key, allowed outcomes, actual) for each order that is not as it has to be."""
    actual = {(row.get("source", ""), str(row["orderId"])): row for row in actual_rows}
    for source, order, allowed in expected_rows:
        row = actual.pop((source, order), {"conversion": None})
        wanted = [outcome.as_json() for outcome in allowed]
        if normal_form(row) not in map(normal_form, wanted):
            yield (source, order), wanted, row
    for key, row in actual.items():
        yield key, [], row


def json_lines(path):
    return [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines() if line.strip()]


def read_clicks(path):
    if path is None:
        return {}
    return {row["clickId"]: {**row, "at": milliseconds(row["at"])} for row in json_lines(path)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("events", help="JSON lines of the accepted events")
    parser.add_argument("--policies", required=True, help="JSON file of programme, partners, products, policies")
    parser.add_argument("--clicks", help='JSON lines of {"clickId", "referralCode", "at", "status"}')
    parser.add_argument("--actual", help="JSON lines of what the system says; compares instead of printing")
    arguments = parser.parse_args()
    policies = json.loads(Path(arguments.policies).read_text(encoding="utf-8"))
    lines = Path(arguments.events).read_text(encoding="utf-8").splitlines()
    rows = list(expected(lines, policies, read_clicks(arguments.clicks)))
    if arguments.actual is None:
        for source, order, allowed in rows:
            print(json.dumps({"source": source, "orderId": order,
                              "outcomes": [outcome.as_json() for outcome in allowed]}))
        return
    wrong = list(differences(rows, json_lines(arguments.actual)))
    for (source, order), wanted, row in wrong:
        print(f"{source}/{order}: is {json.dumps(row)}, may be {json.dumps(wanted)}")
    open_count = sum(len(allowed) > 1 for _, _, allowed in rows)
    print(json.dumps({"orders": len(rows), "withOpenOutcome": open_count, "different": len(wrong)}))
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    try:
        main()
    except Unsupported as error:
        sys.exit(f"cannot be computed: {error}")
