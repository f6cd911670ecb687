"""A private PostgreSQL for one measurement. It commits as PostgreSQL does by default: with fsync and synchronously."""
import shutil
import subprocess

from private_servers import make_postgres

from . import processes

# Room for what a run writes, so that no checkpoint falls into one run and not into the next.
SETTINGS = ["unix_socket_directories=", "max_connections=100", "shared_buffers=512MB", "max_wal_size=4GB",
            "checkpoint_timeout=15min"]


class Postgres:
    """Clients that use libpq find it by `environment`."""

    def __init__(self, bench):
        self.port, self.folder = processes.free_port(), bench.subfolder("postgres")
        self.environment = {"PGHOST": "127.0.0.1", "PGPORT": str(self.port), "PGUSER": "postgres", "PGDATABASE": "postgres"}
        self.processes = processes.Processes(self.folder)
        self.process = self.processes.start("postgres", make_postgres(self.folder / "data", self.port, SETTINGS))
        processes.wait(self.answers, "PostgreSQL")

    @property
    def url(self):
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    @property
    def cpu_seconds(self):
        """Of the server and all its processes, those that have ended among them."""
        return processes.cpu_seconds_of_all(self.process.pid)

    def answers(self):
        return subprocess.run(["psql", "-XAtqc", "select 1", self.url], capture_output=True).returncode == 0

    def query(self, *statements):
        """The lines of the answers; each statement stands for itself, as VACUUM must."""
        result = subprocess.run(["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", self.url,
                                 *(word for statement in statements for word in ("-c", statement))], capture_output=True, text=True)
        if result.returncode != 0:
            raise RuntimeError(f"psql: {result.stderr}")
        return result.stdout.splitlines()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.processes.end_all()
        shutil.rmtree(self.folder, ignore_errors=True)
