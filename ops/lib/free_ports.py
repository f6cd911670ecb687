"""Prints free TCP ports of 127.0.0.1, one a line.

usage: free_ports.py COUNT [WANTED...]

A wanted port is the first choice where it is free.
"""

import sys

from private_servers import free_ports

if __name__ == "__main__":
    print(*free_ports(int(sys.argv[1]), map(int, sys.argv[2:])), sep="\n")
