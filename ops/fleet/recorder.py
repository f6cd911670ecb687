"""Reads the files in which the processes note what they are in the middle of (Sources/Telemetry/FlightRecorder.swift)."""

import os
import struct
from collections import Counter

MAGIC = 0x54524942464C5931
FIRST_BATCH_WORD, BATCH_JOBS_MAX = 16, 500
WORDS = FIRST_BATCH_WORD + BATCH_JOBS_MAX + 1

LEASED, IN_TRANSACTION, UNACKNOWLEDGED, SENDING = "leased", "in transaction", "between commit and acknowledge", "sending"
STAGES = (LEASED, IN_TRANSACTION, UNACKNOWLEDGED, SENDING)


class Moment:
    """What was under way in a process at one moment: numbers of jobs, transactions, jobs and requests."""

    def __init__(self, leased=0, transactions=0, unacknowledged=0, requests=0):
        self.leased, self.transactions = leased, transactions
        self.unacknowledged, self.requests = unacknowledged, requests

    @property
    def stages(self):
        """The stages that count for this moment. Work in a later stage is leased, too: `leased` is said of jobs that are
        leased and nothing else yet."""
        later = {stage for stage, number in ((IN_TRANSACTION, self.transactions), (UNACKNOWLEDGED, self.unacknowledged),
                                             (SENDING, self.requests)) if number > 0}
        return later or ({LEASED} if self.leased > 0 else set())

    def __str__(self):
        parts = [f"{number} {what}" for number, what in (
            (self.leased, "jobs leased"), (self.transactions, "transactions"),
            (self.unacknowledged, "jobs committed and not acknowledged"), (self.requests, "webhooks being sent"))
            if number > 0]
        return ", ".join(parts) or "nothing in progress"


class Recorder:
    """One process's file, which stays the same over its restarts."""

    def __init__(self, path):
        self.path, self.descriptor = path, None

    def words(self):
        if self.descriptor is None:
            try:
                self.descriptor = os.open(self.path, os.O_RDONLY)
            except FileNotFoundError:
                return None
        data = os.pread(self.descriptor, WORDS * 8, 0)
        return struct.unpack(f"={WORDS}q", data) if len(data) == WORDS * 8 else None

    def moment(self, process_id):
        """Now, in the process of that id; `None` before it has opened its file."""
        words = self.words()
        if words is None or words[0] != MAGIC or words[1] != process_id:
            return None
        return Moment(*words[2:6])

    def batches(self):
        """How many batches of which size were leased."""
        words = self.words() or (0,) * WORDS
        return Counter({size: count for size, count in enumerate(words[FIRST_BATCH_WORD:]) if count})


def median(sizes):
    """The middle one of all sizes; of an even number the lower."""
    half = (sum(sizes.values()) + 1) // 2
    for size in sorted(sizes):
        half -= sizes[size]
        if half <= 0:
            return size
    return 0
