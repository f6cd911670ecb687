"""Prints free TCP ports of 127.0.0.1, one a line.

usage: free_ports.py COUNT [WANTED...]

A wanted port is the first choice where it is free. The others lie below the kernel's range for outgoing connections, so
that a reconnecting client can never be given the port of a server that is restarting.
"""

import random
import socket
import sys

FIRST, LAST = 15000, 32000


def is_free(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            return True
        except OSError:
            return False


def main():
    count, wanted = int(sys.argv[1]), [int(port) for port in sys.argv[2:]]
    candidates = random.sample(range(FIRST, LAST), 500 + count)
    taken = set()
    for index in range(count):
        choices = wanted[index:index + 1] + candidates
        port = next(port for port in choices if port not in taken and is_free(port))
        taken.add(port)
        print(port)


if __name__ == "__main__":
    main()
