"""Installs Debian packages that a peer needs, when they are missing. Starts no service of theirs."""
import os
import pathlib
import subprocess

from .report import progress

POLICY = pathlib.Path("/usr/sbin/policy-rc.d")


def installed(names):
    """The version of each of these packages that is installed."""
    result = subprocess.run(["dpkg-query", "-W", "-f", "${db:Status-Abbrev} ${Package} ${Version}\n", *names],
                            capture_output=True, text=True)
    lines = [line.split() for line in result.stdout.splitlines()]
    return {line[1]: line[2] for line in lines if line[0] == "ii"}


def need(*names):
    """Makes sure that the packages are there; returns their versions. Needs root or sudo only when one is missing."""
    missing = [name for name in names if name not in installed(names)]
    if missing:
        progress(f"installing {' '.join(missing)}")
        install(missing)
    return installed(names)


def install(names):
    as_root = [] if os.getuid() == 0 else ["sudo"]
    forbids = not POLICY.exists()
    if forbids:
        # Debian's packages start their services when they are installed, unless this file says no (101).
        subprocess.run([*as_root, "tee", str(POLICY)], input="#!/bin/sh\nexit 101\n", text=True, check=True,
                       stdout=subprocess.DEVNULL)
        subprocess.run([*as_root, "chmod", "755", str(POLICY)], check=True)
    try:
        command = [*as_root, "env", "DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1", "apt-get", "install", "-y",
                   "--no-install-recommends", *names]
        if subprocess.run(command, capture_output=True).returncode != 0:
            # The package lists may be old or absent.
            subprocess.run([*as_root, "apt-get", "update"], capture_output=True)
            result = subprocess.run(command, capture_output=True, text=True)
            if result.returncode != 0:
                raise RuntimeError(f"apt-get could not install {' '.join(names)}: {result.stderr[-500:]}")
    finally:
        if forbids:
            subprocess.run([*as_root, "rm", "-f", str(POLICY)], check=True)
