"""How much the workers got in each other's way: batch sizes, and waits for an order that another transaction held.

The waits are those that PostgreSQL itself saw (`log_lock_waits`), since a counter of a killed process dies with it.
"""

import re
from collections import Counter

from fleet import WORKERS
from recorder import Recorder, median

WAIT_MS = 2
# A wait that lasts longer than deadlock_timeout is logged, with the row in its context.
POSTGRES_SETTINGS = ("log_lock_waits=on", f"deadlock_timeout={WAIT_MS}ms", "log_connections=on", "lc_messages=C",
                     "log_line_prefix=%p %a|")
LINE = re.compile(r"^(\d+) (\S+)\|(\w+):  (.*)$")
APPLICATION = re.compile(r"application_name=(\S+)")
HOLDERS = re.compile(r"Process(?:es)? holding the lock: ([\d, ]+)\.")


def order_waits(log):
    """(who waited, who held) -> how often, for rows of `orders`. `log` are the lines of PostgreSQL's log."""
    names, waits = {}, Counter()
    waiting = None
    for line in log:
        match = LINE.match(line)
        if not match:
            continue
        process, application, level, text = match.groups()
        if level == "LOG":
            connected = APPLICATION.search(text)
            if connected and "connection authorized" in text:
                names[process] = connected.group(1)
            waiting = (process, application, []) if "still waiting for" in text else None
        elif waiting and process == waiting[0] and level == "DETAIL":
            holders = HOLDERS.search(text)
            waiting[2].extend(holders.group(1).split(", ") if holders else [])
        elif waiting and process == waiting[0] and level == "CONTEXT":
            # "while locking tuple (0,5) in relation "orders"", or updating it.
            if 'in relation "orders"' in text:
                holder = names.get(waiting[2][0], "?") if waiting[2] else "?"
                waits[(short(application), short(holder))] += 1
            waiting = None
    return waits


def short(application):
    return application.removeprefix("tributary-").removesuffix("-worker")


def report(fleet):
    """Lines for people, and the number of waits."""
    lines = ["batch sizes (least, middle, greatest):"]
    for worker in WORKERS:
        sizes = sum((Recorder(fleet.recorder_path(f"{worker}-{number}")).batches() for number in (1, 2)), Counter())
        if sizes:
            lines.append(f"  {worker}: {min(sizes)}, {median(sizes)}, {max(sizes)} of {sum(sizes.values())} batches")
    with open(fleet.folder / "postgres.log", encoding="utf-8", errors="replace") as log:
        waits = order_waits(log)
    total = sum(waits.values())
    lines.append(f"two wanted one order and one of them waited more than {WAIT_MS} ms: {total} times")
    lines += [f"  {count:>5} × {waiter} waited for {holder}" for (waiter, holder), count in waits.most_common()]
    return lines, total
