"""The endpoints that the receiver plays, read from a JSON file and read again when it changes.

{"/partner-a": {"secrets": ["whsec_…"], "status": 200, "delayMs": 0, "failTimes": 0, "failEach": 0, "failStatus": 500,
                "headers": {"Retry-After": "2"}, "hang": false, "reset": false, "unsigned": false}}

secrets     any of them may verify (an old and a new one while they are rotated)
status      the answer to a delivery that verifies; one that does not gets 401
delayMs     time before each answer
failTimes   the endpoint's first so many requests get `failStatus`
failEach    the first so many requests of each webhook-id get `failStatus`
headers     added to failures
unsigned    nothing is verified: a chat's incoming webhook
hang        never answers; reset: closes the connection with RST and no answer
A path that is not listed answers 404. Changing an entry begins its `failTimes` anew.
"""

import json
import os
import sys
from collections import Counter


class Endpoint:
    DEFAULTS = {"secrets": [], "status": 200, "delayMs": 0, "failTimes": 0, "failEach": 0, "failStatus": 500,
                "headers": {}, "hang": False, "reset": False,
                "unsigned": False}

    def __init__(self, description, verifier):
        unknown = set(description) - set(self.DEFAULTS)
        if unknown:
            raise ValueError(f"unknown settings: {', '.join(sorted(unknown))}")
        self.description = description
        settings = {**self.DEFAULTS, **description}
        self.secrets = settings["secrets"]
        self.verifiers = [verifier(secret) for secret in self.secrets]
        self.status, self.delay_seconds = settings["status"], settings["delayMs"] / 1000
        self.fail_times, self.fail_each = settings["failTimes"], settings["failEach"]
        self.fail_status, self.headers = settings["failStatus"], settings["headers"]
        self.hangs, self.resets = settings["hang"], settings["reset"]
        self.is_unsigned = settings["unsigned"]
        self.requests = 0
        self.requests_by_id = Counter()

    def next_status(self, identifier):
        """The status for a verified request, which is counted."""
        self.requests += 1
        if self.fail_each:
            self.requests_by_id[identifier] += 1
            if self.requests_by_id[identifier] <= self.fail_each:
                return self.fail_status
        return self.fail_status if self.requests <= self.fail_times else self.status


class Endpoints:
    def __init__(self, path, verifier):
        self.path, self.verifier = path, verifier
        self.by_path, self.version = {}, None
        self.refresh()

    def refresh(self):
        """Reads the file again if it has changed, and says so. Raises ValueError when it cannot be used, keeping what was."""
        status = os.stat(self.path)
        version = (status.st_mtime_ns, status.st_size, status.st_ino)
        if version == self.version:
            return False
        self.version = version
        with open(self.path, encoding="utf-8") as file:
            descriptions = json.load(file)
        old = self.by_path
        self.by_path = {
            path: old[path] if path in old and old[path].description == description
            else Endpoint(description, self.verifier)
            for path, description in descriptions.items()
        }
        return True

    def find(self, path, judge):
        """The endpoint of a path, and why `judge` refuses the delivery for it (None when it does not).

        Who has just written an endpoint into the file may be answered at once, so nothing is refused by an old one.
        """
        endpoint = self.by_path.get(path)
        reason = "unknown path" if endpoint is None else judge(endpoint)
        if reason and self.refresh_or_say():
            return self.find(path, judge)
        return endpoint, reason

    def refresh_or_say(self):
        """`refresh`, for when a file that cannot be used shall only be told."""
        try:
            return self.refresh()
        except (OSError, ValueError) as error:
            print(f"{self.path} is not usable, the endpoints stay: {error}", file=sys.stderr, flush=True)
            return False
