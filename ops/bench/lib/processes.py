"""Processes of a benchmark: started, measured and ended by their id."""
import contextlib
import os
import pathlib
import signal
import socket
import subprocess
import time

from private_servers import die_with_parent, free_port  # noqa: F401  # measurements ask here for ports

TICKS = os.sysconf("SC_CLK_TCK")


def wait(condition, what, seconds=60, pause=0.02):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise RuntimeError(f"{what}: not within {seconds} s")
        time.sleep(pause)


def opens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def cpu_seconds(pid):
    """User and system time of a process, its threads and the children it has waited for."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / TICKS


def cpu_seconds_of_all(pid):
    """The same of a process and of all that descend from it and live."""
    parents = {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                parents[int(entry.name)] = int(fields[1])
    family, total = {pid}, 0.0
    while more := {child for child, parent in parents.items() if parent in family} - family:
        family |= more
    for member in family:
        # It may have ended just now.
        with contextlib.suppress(OSError):
            total += cpu_seconds(member)
    return total


def resident_mib(pid):
    """(RSS, PSS) in MiB: PSS counts shared pages by their share."""
    values = {}
    for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        name, _, rest = line.partition(":")
        values[name] = int(rest.split()[0]) / 1024
    return values["Rss"], values["Pss"]


class Processes:
    """Whatever was started is ended with the `with` statement. Standard output and error go to files in `folder`."""

    def __init__(self, folder):
        self.folder, self.started = pathlib.Path(folder), []

    def start(self, name, command, environment=None, preexec=die_with_parent):
        output = self.folder / f"{name}.out"
        with open(output, "wb") as out, open(self.folder / f"{name}.log", "wb") as log:
            process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=out, stderr=log,
                                       env={**os.environ, **(environment or {})}, preexec_fn=preexec,
                                       start_new_session=True)
        process.name, process.output = name, output
        self.started.append(process)
        return process

    def log(self, process):
        return (self.folder / f"{process.name}.log").read_text(errors="replace")

    def end(self, process, within=30):
        """TERM, then its exit code; KILL when it does not heed that."""
        process.terminate()
        try:
            process.wait(within)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise RuntimeError(f"{process.name} did not end by TERM within {within} s") from None
        finally:
            self.started.remove(process)
        return process.returncode

    def end_all(self):
        for process in reversed(self.started):
            # Each leads a group of its own: nginx's workers outlive their master otherwise.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        for process in self.started:
            process.wait()
        self.started = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end_all()
