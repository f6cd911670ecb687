"""A private Redis for one measurement, and just enough of a client to ask it."""
import contextlib
import shutil
import socket
import time

from . import processes

MODES = {"off": ["--appendonly", "no"], "everysec": ["--appendonly", "yes", "--appendfsync", "everysec"],
         "always": ["--appendonly", "yes", "--appendfsync", "always"]}
SHARDS = 16


class Client:
    """One connection to a Redis that is there."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = self.socket.makefile("rb")

    def ask(self, *commands):
        """The replies to commands, each a tuple of words, sent in one go."""
        self.socket.sendall(b"".join(encode(command) for command in commands))
        return [self.reply() for _ in commands]

    def reply(self):
        line = self.buffer.readline()[:-2]
        kind, rest = line[:1], line[1:]
        if kind == b"-":
            raise RuntimeError(f"Redis: {rest.decode()}")
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == b"-1" else self.buffer.read(int(rest) + 2)[:-2].decode()
        if kind == b"*":
            return [self.reply() for _ in range(int(rest))]
        return rest.decode()

    def info(self, section):
        lines = self.ask(("INFO", section))[0].splitlines()
        return dict(line.split(":", 1) for line in lines if ":" in line)

    @property
    def used_bytes(self):
        return int(self.info("memory")["used_memory"])

    def jobs(self, queue):
        """Jobs of one of our queues that have not ended, dead ones among them (docs/queue.md has the keys)."""
        return sum(self.ask(*[("HLEN", f"tributary:{{{shard}}}:{queue}:jobs") for shard in range(SHARDS)]))

    def forget_waiting(self, queue):
        """Drops the jobs of a queue that nobody works."""
        self.ask(*[("DEL", *[f"tributary:{{{shard}}}:{queue}:{part}" for part in ("jobs", "ready", "wake")])
                   for shard in range(SHARDS)])

    def watch(self, seconds):
        """(commands from clients, commands inside scripts) that Redis carries out in that time. Ends this connection."""
        self.socket.sendall(b"MONITOR\r\n")
        seen, end = b"", time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.socket.settimeout(left)
            with contextlib.suppress(TimeoutError):
                seen += self.socket.recv(1 << 20)
        self.close()
        lines = [line for line in seen.splitlines() if line.startswith(b"+") and b" [" in line]
        inside = sum(1 for line in lines if b" lua] " in line)
        return len(lines) - inside, inside

    def close(self):
        self.buffer.close()
        self.socket.close()


class Redis(Client):
    """No snapshots, never evicts. The append-only file is not rewritten meanwhile: a rewrite would fall into one run of
    a few seconds and not into the next."""

    def __init__(self, bench, mode):
        self.mode, self.port = mode, processes.free_port()
        self.folder = bench.folder / f"redis-{self.port}"
        self.folder.mkdir()
        self.processes = processes.Processes(self.folder)
        self.process = self.processes.start("redis", [
            "redis-server", "--port", self.port, "--bind", "127.0.0.1", "--dir", self.folder, "--save", "",
            *MODES[mode], "--maxmemory-policy", "noeviction", "--auto-aof-rewrite-percentage", "0"])
        processes.wait(lambda: processes.opens(self.port), "Redis")
        super().__init__(self.port)

    @property
    def url(self):
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def cpu_seconds(self):
        return processes.cpu_seconds(self.process.pid)

    def end(self):
        self.close()
        self.processes.end_all()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()


def encode(words):
    parts = [str(word).encode() for word in words]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)
