"""What the figures depend on beside the code."""
import os
import pathlib
import platform
import statistics
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[3]


def first_line(*command):
    try:
        result = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    except FileNotFoundError:
        return ""
    return (result.stdout + result.stderr).strip().partition("\n")[0]


def fdatasync_microseconds(folder, count=300):
    """(p50, p99) of a write of 4 KiB and its fdatasync, where the servers' files lie."""
    times, block = [], os.urandom(4096)
    path = pathlib.Path(folder) / "fdatasync"
    with open(path, "wb", buffering=0) as file:
        for _ in range(count):
            begin = time.perf_counter()
            file.write(block)
            os.fdatasync(file.fileno())
            times.append((time.perf_counter() - begin) * 1e6)
    path.unlink()
    times.sort()
    return statistics.median(times), times[int(count * 0.99)]


def describe(folder):
    """Machine, versions and date as a dictionary of short texts."""
    information = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.split(":", 1)[1].strip() for line in information if line.startswith("model name")]
    kilobytes = int(pathlib.Path("/proc/meminfo").read_text().split()[1])
    p50, p99 = fdatasync_microseconds(folder)
    postgres = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    return {
        "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "machine": f"{os.cpu_count()} cores ({models[0] if models else platform.machine()}), "
                   f"{round(kilobytes / 1048576)} GiB, {platform.freedesktop_os_release().get('PRETTY_NAME', '')}, "
                   f"Linux {platform.release().partition('-')[0]}",
        "load before": " ".join(f"{value:.2f}" for value in os.getloadavg()),
        "fdatasync of 4 KiB": f"p50 {p50:.0f} µs, p99 {p99:.0f} µs",
        "Tributary": first_line("git", "describe", "--always", "--dirty") or "no git",
        "Swift": first_line("swift", "--version"),
        "Redis": first_line("redis-server", "--version").split(" sha")[0],
        "PostgreSQL": first_line(postgres[-1], "--version") if postgres else "absent",
    }
