"""Collects what was measured and checked, and prints it as a Markdown table or as JSON."""
import math
import statistics
import sys

OURS = "Tributary"


class Report:
    """Rows in the order of their first record. A row is a measurement of somebody: ours, or a peer's beside it."""

    def __init__(self):
        self.rows, self.checks, self.notes, self.part = {}, [], [], ""

    def begin(self, part):
        """What follows belongs to this part: a table of its own."""
        self.part = part

    def record(self, what, value, unit, who=OURS, goal=""):
        """One value of one run. `goal` is text for the reader, such as ">= 100,000"."""
        row = self.rows.setdefault((what, who), {"part": self.part, "unit": unit, "values": [], "goal": ""})
        row["values"].append(value)
        row["goal"] = goal or row["goal"]
        progress(f"  {what}, {who}: {number(value)} {unit}")

    def check(self, what, is_right, detail=""):
        """Exactness after a run: one wrong check fails the whole benchmark."""
        self.checks.append({"part": self.part, "what": what, "isRight": bool(is_right), "detail": str(detail)})
        if not is_right:
            progress(f"  WRONG: {what}: {detail}")

    def note(self, text):
        """A setting or a remark, printed once below the table."""
        if (self.part, text) not in self.notes:
            self.notes.append((self.part, text))

    @property
    def is_right(self):
        return all(check["isRight"] for check in self.checks)

    def summaries(self):
        """One dictionary a row; `ratio` is our median divided by this one's."""
        for (what, who), row in self.rows.items():
            median = statistics.median(row["values"])
            ours = self.rows.get((what, OURS))
            ratio = statistics.median(ours["values"]) / median if ours and who != OURS and median else None
            yield {"part": row["part"], "measurement": what, "who": who, "unit": row["unit"], "median": median, "min": min(row["values"]),
                   "max": max(row["values"]), "runs": len(row["values"]), "ratio": ratio, "goal": row["goal"],
                   "values": row["values"]}

    def markdown(self):
        parts = dict.fromkeys([row["part"] for row in self.rows.values()] + [check["part"] for check in self.checks])
        return "\n\n".join(([self.goals()] if any(row["goal"] for row in self.rows.values()) else [])
                           + [self.table(part) for part in parts])

    def goals(self):
        """Every figure that has a goal, and who stands beside it."""
        lines = ["### goals", "", "| | goal | median (min to max) | beside it |", "| --- | --- | ---: | --- |"]
        rows = list(self.summaries())
        for row in rows:
            if not row["goal"]:
                continue
            beside = [f"{other['ratio']:.2f} x {other['who']} ({number(other['median'])})" for other in rows
                      if other["measurement"] == row["measurement"] and other["ratio"]]
            lines.append(f"| {row['measurement']} | {row['goal']} | {number(row['median'])} {row['unit']} "
                         f"({number(row['min'])} to {number(row['max'])}) | {'; '.join(beside)} |")
        return "\n".join(lines)

    def table(self, part):
        lines = [f"### {part}", "", "| measurement | of | median | min | max | runs | ours ÷ its | goal |",
                 "| --- | --- | ---: | ---: | ---: | ---: | ---: | --- |"]
        shown = None
        for row in sorted_together([row for row in self.summaries() if row["part"] == part]):
            name = row["measurement"] if row["measurement"] != shown else ""
            shown = row["measurement"]
            ratio = f"{row['ratio']:.2f}" if row["ratio"] else ""
            lines.append(f"| {name} | {row['who']} | {number(row['median'])} {row['unit']} | {number(row['min'])} | "
                         f"{number(row['max'])} | {row['runs']} | {ratio} | {row['goal']} |")
        checks = [check for check in self.checks if check["part"] == part]
        wrong = [check for check in checks if not check["isRight"]]
        lines += ["", f"Exactness: {len(checks) - len(wrong)} of {len(checks)} checks held."]
        lines += [f"- WRONG: {check['what']}: {check['detail']}" for check in wrong]
        lines += [f"- {text}" for of, text in self.notes if of == part]
        return "\n".join(lines)

    def dictionary(self):
        return {"rows": list(self.summaries()), "checks": self.checks, "notes": [text for _, text in self.notes]}


def sorted_together(rows):
    """The rows of one measurement side by side, ours first, measurements in the order of their first record."""
    order = list(dict.fromkeys(row["measurement"] for row in rows))
    return sorted(rows, key=lambda row: (order.index(row["measurement"]), row["who"] != OURS))


def number(value):
    """A figure in three or four digits that mean something."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.3g}"


def percentile(ordered, part):
    """Of a sorted sequence that is not empty: the value below or at which `part` (0...1) of all lie."""
    return ordered[max(0, math.ceil(len(ordered) * part) - 1)]


def progress(text):
    print(text, file=sys.stderr, flush=True)
