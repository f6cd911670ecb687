"""Compares what was accepted with what has become of it. Each function yields what is wrong, and nothing when all is well."""

import json
import subprocess
import sys

from fleet import ROOT


def stored_events(sent, certain, stored):
    """`stored` maps the event ids in the database to (state, number of conflicting contents)."""
    for event in sorted(certain - stored.keys()):
        yield f"{event}: its 202 was read, and it is not stored"
    for event in sorted(stored.keys() - sent):
        yield f"{event}: stored, and never sent"
    for event, (state, conflicts) in sorted(stored.items()):
        if state == "refused" or conflicts:
            yield f"{event}: {state}, {conflicts} conflicts, and there was only one content"


def clicks(accepted, unanswered, stored):
    """`accepted`: click id -> session; `unanswered`: sessions; `stored`: the rows, as (click id, session, status)."""
    rows, acknowledged = {}, set(accepted.values())
    for click, session, status in stored:
        rows.setdefault(session, []).append(click)
        if status != "valid":
            yield f"{session}: stored as {status}, and each session clicked once"
    for click, session in sorted(accepted.items()):
        found = rows.get(session, [])
        if found != [click]:
            yield f"{session}: acknowledged as {click}, stored {len(found)} times: {found}"
    for session, found in sorted(rows.items()):
        if session in unanswered and len(found) > 1:
            yield f"{session}: had no answer, stored {len(found)} times"
        elif session not in unanswered and session not in acknowledged:
            yield f"{session}: stored, and neither acknowledged nor without an answer"


def deliveries(owed, received):
    """`owed`: {"event", "path", "sha256", "status", "attempt"} of the database; `received`: the receiver's journal."""
    verified = {}
    bodies = {}
    for one in received:
        bodies.setdefault(one["id"], set()).add(one["sha256"])
        if one["verified"]:
            verified.setdefault((one["path"], one["id"]), one["sha256"])
        else:
            yield f"{one['id']}: came to {one['path']} and did not verify: {one.get('reason')}"
    for identifier, contents in bodies.items():
        if len(contents) > 1:
            yield f"{identifier}: came with {len(contents)} bodies"
    wanted = set()
    for row in owed:
        key = (row["path"], row["event"])
        if key in wanted:
            yield f"{row['event']}: owed twice to {row['path']}"
        wanted.add(key)
        if key not in verified:
            yield f"{row['event']}: owed to {row['path']}, {row['status']}, never received"
        elif verified[key] != row["sha256"]:
            yield f"{row['event']}: received with other bytes than it was written with"
        if row["status"] != "delivered":
            yield f"{row['event']}: received, and its row says {row['status']}"
        if row["attempt"] != 1:
            yield f"{row['event']}: {row['attempt']} attempts are recorded, one sufficed"
    for path, identifier in verified.keys() - wanted:
        yield f"{identifier}: received at {path} and not owed"


def acts(done, known):
    """`done`: the operator's acts; `known`: for each adjusted order the events whose facts stood before the adjustment.
    Notes them in the acts, for the oracle, and yields adjustments that were done and left no fact."""
    for act in done:
        if act["operator"] == "adjust" and act["orderId"] in known:
            act["afterEvents"] = sorted(known[act["orderId"]])
        elif act["operator"] == "adjust" and not act["may"]:
            yield f"{act['orderId']}: adjusted, and it has no fact of it"


def queues_at_rest(queues):
    """No attempt was spent, nothing died, nothing is left."""
    for queue in queues:
        for what, is_wrong in (("failedTotal", "attempts were spent"), ("dead", "jobs are dead"),
                               ("leased", "jobs are leased"), ("ready", "jobs are ready")):
            if queue[what]:
                yield f"{queue['queue']}: {queue[what]} {is_wrong}"


def counted_against_jobs(before, after):
    """Attempts and crashes that jobs were charged with between two looks; each maps job ids to (attempts, crashes)."""
    for job, (attempts, crashes) in sorted(after.items()):
        attempts_then, crashes_then = before.get(job, (0, 0))
        if attempts > attempts_then:
            yield f"{job}: an attempt was spent"
        if crashes > crashes_then:
            yield f"{job}: a crash was counted"


def rebuilt(owed, answer):
    """`owed`: what SQL counts; `answer`: of `tributary rebuild`, right after Redis has lost everything."""
    if sum(owed.values()) == 0:
        yield "nothing was owed: the loss of Redis was no test"
    steps = {step["what"]: int(step["enqueued"]) for step in answer["steps"]}
    for what, count in owed.items():
        if steps.get(what, 0) != count:
            yield f"{count} {what} were owed, {steps.get(what, 0)} enqueued"


def oracle(folder, lines, policies, actual, summary):
    """The oracle is a program of its own: it gets files and no code of ours. Its last line goes to `summary`."""
    paths = [folder / name for name in ("events.jsonl", "policies.json", "actual.jsonl")]
    paths[0].write_text("".join(json.dumps(line) + "\n" for line in lines))
    paths[1].write_text(json.dumps(policies))
    paths[2].write_text("\n".join(actual))
    result = subprocess.run(
        [sys.executable, str(ROOT / "ops/oracle/expected_money.py"), str(paths[0]), "--policies", str(paths[1]),
         "--actual", str(paths[2])], capture_output=True, text=True)
    summary += result.stdout.splitlines()[-1:]
    if result.returncode:
        # Without any difference, it could not compute them at all.
        yield from result.stdout.splitlines()[:-1] or [result.stderr[-3000:]]
