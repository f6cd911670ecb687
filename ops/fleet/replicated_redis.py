"""Fleets whose Redis outlives a node: a Cluster of three masters with a replica each, or a master and a replica that three
sentinels watch. Each node is a process of the fleet: `redis-1` and so on."""

import signal
import subprocess

from fleet import Fleet, redis_command
from private_servers import free_ports

NODE_TIMEOUT_MS = 1000
# How long an enqueue waits for the replica.
WAIT_MS = 500
SLOTS = 16384
MASTER_NAME = "jobs"


def slot_of(tag):
    """CRC16 (XMODEM) of a hash tag, as CLUSTER KEYSLOT has it."""
    crc = 0
    for byte in tag.encode():
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ 0x1021 if crc & 0x8000 else crc << 1) & 0xFFFF
    return crc % SLOTS


# Those of a default configuration.
SHARDS = 16


class ReplicatedFleet(Fleet):
    """A fleet whose enqueues wait for the replica. `ports` maps nodes to their ports."""

    def __init__(self, folder, binaries, nodes):
        super().__init__(folder, binaries)
        self.ports = dict(zip([f"redis-{number + 1}" for number in range(nodes)], free_ports(nodes)))
        self.environment.update(TRIBUTARY_WAIT_REPLICAS="1", TRIBUTARY_WAIT_MS=str(WAIT_MS))

    def start_node(self, name, *options):
        folder = self.folder / name
        folder.mkdir()
        self.start(name, redis_command(self.ports[name], folder, "--repl-diskless-sync-delay", "0", *options))

    def kill(self, *names):
        """kill -9 of processes, which stay away until `revive`."""
        for name in names:
            process = self.processes.pop(name)
            process.kill()
            process.wait()

    def revive(self, name):
        self.start(name, self.commands[name])

    def cut_off(self, replica, master):
        """No write of its master reaches the replica any more. (Of one that merely stands still the kernel takes what comes.)"""
        self.freeze(replica)
        self.tell(master, "CLIENT", "KILL", "TYPE", "replica")

    def let_go_on(self, *names):
        for name in names:
            self.signal(name, signal.SIGCONT)

    def tell(self, node, *words):
        """The answer as text, an error's too; nothing where nobody answers."""
        return subprocess.run(["redis-cli", "-p", str(self.ports[node]), *map(str, words)], capture_output=True, text=True,
                              timeout=20, check=False).stdout.strip()

    def info(self, node, section):
        lines = (line.partition(":") for line in self.tell(node, "INFO", section).splitlines())
        return {name: value for name, _, value in lines}

    @property
    def living(self):
        return [name for name in self.ports if name in self.processes]

    def masters(self):
        """Nodes that live, serve, and are masters in their own eyes."""
        return [name for name in self.living if self.info(name, "replication").get("role") == "master"]

    def replica_of(self, master):
        """The node that follows it now, or None."""
        port = str(self.ports[master])
        for name in self.living:
            about = self.info(name, "replication")
            if about.get("master_port") == port and about.get("master_link_status") == "up":
                return name
        return None

    def wait_for_replicas(self):
        """Each master has one that says how far it is."""
        self.wait(lambda: all("state=online" in self.info(master, "replication").get("slave0", "")
                              for master in self.masters()), "replication")


class ClusterFleet(ReplicatedFleet):
    name = "Redis Cluster of six nodes"

    def __init__(self, folder, binaries):
        super().__init__(folder, binaries, 6)
        seeds = ",".join(f"127.0.0.1:{port}" for port in self.ports.values())
        self.environment["TRIBUTARY_REDIS_URL"] = f"redis+cluster://{seeds}"

    def start_redis(self):
        for name, bus in zip(self.ports, free_ports(6)):
            self.start_node(name, "--cluster-enabled", "yes", "--cluster-port", str(bus), "--cluster-node-timeout",
                            str(NODE_TIMEOUT_MS))
        for name in self.ports:
            self.wait(lambda name=name: self.tell(name, "PING") == "PONG", name)
        # `redis-cli --cluster create` waits for whole seconds, and makes masters of the first three.
        addresses = [f"127.0.0.1:{port}" for port in self.ports.values()]
        made = subprocess.run(["redis-cli", "--cluster", "create", *addresses, "--cluster-replicas", "1", "--cluster-yes"],
                              capture_output=True, text=True, timeout=60, check=False)
        if made.returncode != 0:
            raise RuntimeError(f"the Cluster was not made: {made.stdout[-500:]}{made.stderr}")
        self.wait(lambda: len(self.masters()) == 3 and all(self.replica_of(master) for master in self.masters())
                  and all("cluster_state:ok" in self.tell(name, "CLUSTER", "INFO") for name in self.ports), "the Cluster")
        self.wait_for_replicas()

    def owner(self, shard):
        """The node that serves a shard, in the eyes of those that live; None while they know none that lives."""
        slot, ports = slot_of(str(shard)), {str(port): name for name, port in self.ports.items()}
        for line in self.tell(self.living[-1], "CLUSTER", "NODES").splitlines():
            words = line.split()
            if "master" not in words[2] or "fail" in words[2]:
                continue
            for first, _, last in (part.partition("-") for part in words[8:] if not part.startswith("[")):
                if int(first) <= slot <= int(last or first):
                    name = ports[words[1].split("@")[0].rpartition(":")[2]]
                    return name if name in self.processes else None
        return None


class SentinelFleet(ReplicatedFleet):
    """Its master also refuses writes while its replica is away."""

    name = "Redis with sentinels"

    def __init__(self, folder, binaries):
        super().__init__(folder, binaries, 2)
        self.sentinels = dict(zip(("sentinel-1", "sentinel-2", "sentinel-3"), free_ports(3)))
        hosts = ",".join(f"127.0.0.1:{port}" for port in self.sentinels.values())
        self.environment["TRIBUTARY_REDIS_URL"] = f"redis+sentinel://{hosts}/{MASTER_NAME}"

    def start_redis(self):
        safe = ("--min-replicas-to-write", "1", "--min-replicas-max-lag", "1")
        self.start_node("redis-1", *safe)
        self.start_node("redis-2", *safe, "--replicaof", "127.0.0.1", str(self.ports["redis-1"]))
        self.wait(lambda: self.replica_of("redis-1"), "the replica")
        for name, port in self.sentinels.items():
            # A sentinel keeps what it learns in its file.
            file = self.folder / f"{name}.conf"
            file.write_text(f"port {port}\nbind 127.0.0.1\ndir {self.folder}\n"
                            f"sentinel monitor {MASTER_NAME} 127.0.0.1 {self.ports['redis-1']} 2\n"
                            f"sentinel down-after-milliseconds {MASTER_NAME} {NODE_TIMEOUT_MS}\n"
                            f"sentinel failover-timeout {MASTER_NAME} 3000\n")
            self.start(name, ["redis-server", str(file), "--sentinel"])
        self.wait(lambda: all(self.knows_all(port) for port in self.sentinels.values()), "the sentinels")
        self.wait_for_replicas()

    @staticmethod
    def ask(port, *words):
        return subprocess.run(["redis-cli", "-p", str(port), *words], capture_output=True, text=True, timeout=20,
                              check=False).stdout.splitlines()

    def knows_all(self, port):
        lines = self.ask(port, "SENTINEL", "MASTER", MASTER_NAME)
        about = dict(zip(lines[::2], lines[1::2]))
        return about.get("num-slaves") == "1" and about.get("num-other-sentinels") == "2"

    def owner(self, _shard):
        lines = self.ask(self.sentinels["sentinel-1"], "SENTINEL", "GET-MASTER-ADDR-BY-NAME", MASTER_NAME)
        named = next((name for name, port in self.ports.items() if lines[1:] == [str(port)]), None)
        return named if named in self.masters() else None
