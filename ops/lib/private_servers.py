"""What everything that starts servers of its own needs: free ports, children that die with their parent, a PostgreSQL."""

import contextlib
import ctypes
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess

# Below the kernel's range for outgoing connections, so that a reconnecting client can never be given the port of a server
# that is restarting.
FIRST_PORT, LAST_PORT = 15000, 32000


def is_free(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return True
    return False


def free_ports(count, wanted=()):
    """So many ports of 127.0.0.1, all different. A wanted port is the first choice where it is free."""
    taken = []
    wanted = list(wanted)
    for index in range(count):
        choices = wanted[index:index + 1] + random.sample(range(FIRST_PORT, LAST_PORT), 500)
        taken.append(next(port for port in choices if port not in taken and is_free(port)))
    return taken


def free_port():
    return free_ports(1)[0]


def die_with_parent():
    """For `preexec_fn`."""
    ctypes.CDLL("libc.so.6").prctl(1, signal.SIGKILL)


def make_postgres(folder, port, settings):
    """Makes a cluster under `folder` and returns the command that runs its server, as the user PostgreSQL insists on."""
    folder = pathlib.Path(folder)
    folder.mkdir(exist_ok=True)
    run_as = []
    if os.getuid() == 0:
        # The server's own user must be able to go in.
        folder.parent.chmod(0o755)
        shutil.chown(folder, "postgres", "postgres")
        run_as = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
    binaries = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"))[-1]
    subprocess.run([*run_as, binaries / "initdb", "-D", folder / "d", "-U", "postgres", "-A", "trust"], check=True,
                   stdout=subprocess.DEVNULL, cwd="/")
    return [*run_as, str(binaries / "postgres"), "-D", str(folder / "d"), "-p", str(port), "-h", "127.0.0.1",
            *(word for setting in settings for word in ("-c", setting))]
