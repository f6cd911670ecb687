"""The house rules that no compiler checks. Prints one line for each breach; exits 1 when there is one."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
LINES_MAX = 500
SOURCE_SUFFIXES = {".swift", ".sh", ".py", ".lua", ".sql", ".c", ".h"}

# (pattern, what is wrong)
ANYWHERE = [
    (re.compile(r"\b(TODO|FIXME)\b|\bXXX:"), "unfinished work belongs into an issue"),
    (re.compile(r"(?<![\w.~])/(work|tmp/brief)/"), "a path of somebody's machine"),
]
IN_PRODUCT = [
    (re.compile(r"\btry!|\bas!"), "a forced try or cast"),
    (re.compile(r"\bDispatchSemaphore\b|\bThread\.sleep\b|\busleep\("), "blocks the event loop"),
    (re.compile(r"^\s*(?:package |public )?import Foundation\b"), "FoundationEssentials suffices, Core needs none"),
]
# What needs its reason on the same line.
WITH_REASON = [
    (re.compile(r"\btry\?"), "`try?` swallows an error: say why beside it"),
    (re.compile(r"\bfatalError\("), "an end of the process: say beside it why nothing else would do"),
    (re.compile(r"\bLoop\.sleep\("), "a wait: say beside it why there is no event to wait for"),
]
IN_TESTS = [(re.compile(r"\bTask\.sleep\b|\busleep\(|\bThread\.sleep\b"), "a test that sleeps: wait for an event")]
ROOMS_WITHOUT_FOUNDATION = ("Sources/Core/", "Sources/Commissions/")


def tracked_files():
    output = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, check=True, capture_output=True, text=True)
    return [name for name in output.stdout.splitlines() if (ROOT / name).is_file()]


def is_source(name):
    return Path(name).suffix in SOURCE_SUFFIXES or name.startswith(("ops/", ".ci/")) and "." not in Path(name).name


def breaches(name, text):
    """(line number, what is wrong) for each breach in a file."""
    lines = text.splitlines()
    if len(lines) > LINES_MAX:
        yield len(lines), f"{len(lines)} lines; {LINES_MAX} is the most"
    rules = list(ANYWHERE)
    is_test = name.startswith("Tests/")
    if name.endswith(".swift"):
        if not is_test:
            rules += IN_PRODUCT
        else:
            rules += IN_TESTS
        if name.startswith(ROOMS_WITHOUT_FOUNDATION):
            rules.append((re.compile(r"^\s*(?:package )?import Foundation"), "this room has no Foundation"))
    for index, line in enumerate(lines):
        for pattern, what in rules:
            if pattern.search(line):
                yield index + 1, what
        if name.endswith(".swift") and not is_test:
            for pattern, what in WITH_REASON:
                if pattern.search(line.split("//")[0]) and "//" not in line:
                    yield index + 1, what


def main():
    count = 0
    for name in tracked_files():
        if not is_source(name) or name == "ops/lib/style.py":
            continue
        for line, what in breaches(name, (ROOT / name).read_text(errors="replace")):
            count += 1
            print(f"{name}:{line}: {what}")
    sys.exit(1 if count else 0)


if __name__ == "__main__":
    main()
