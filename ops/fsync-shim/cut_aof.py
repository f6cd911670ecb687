#!/usr/bin/env python3
"""Cuts Redis' append-only files to what was flushed to the disk, as a loss of power would, after Redis was killed.

usage: cut_aof.py DATA_DIR SHIM_DIR

DATA_DIR is Redis' `dir`, SHIM_DIR the FSYNC_SHIM_DIR of the shim that ran in it. Prints a line of JSON: for each
incremental file its name, the bytes it had and the bytes that are left.
"""

import json
import os
import sys
from pathlib import Path


def flushed_bytes(file, records):
    """How many bytes of a file were flushed; a file without a record never was."""
    record = records / str(file.stat().st_ino)
    if not record.exists():
        return 0
    length, path = record.read_text().split(maxsplit=1)
    recorded = Path(path.strip()).name
    # A number of an inode may come back for another file. Redis begins a file under a temporary name.
    return int(length) if recorded == file.name or recorded.startswith("temp") else 0


def cut(data, records):
    """[(name, bytes before, bytes left)] of each incremental append-only file."""
    result = []
    # Base files are written whole and flushed before the manifest names them.
    for file in sorted(data.glob("appendonlydir/*.incr.aof")):
        before = file.stat().st_size
        left = min(before, flushed_bytes(file, records))
        os.truncate(file, left)
        result.append((file.name, before, left))
    return result


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    result = cut(Path(sys.argv[1]), Path(sys.argv[2]))
    if not result:
        sys.exit(f"{sys.argv[1]} has no incremental append-only file")
    print(json.dumps([{"file": name, "bytes": before, "bytesLeft": left} for name, before, left in result]))


if __name__ == "__main__":
    main()
