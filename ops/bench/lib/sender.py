"""Posts requests to the ingest: as fast as it answers, or each at its own moment (open loop)."""
import asyncio
import collections
import contextlib
import http.client
import threading
import time


def as_fast_as_answered(port, key, bodies, threads=4):
    """Counter of statuses. Each thread posts its next body when the one before was answered."""
    lock, rest, statuses = threading.Lock(), iter(bodies), collections.Counter()

    def send():
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
            while True:
                with lock:
                    body = next(rest, None)
                if body is None:
                    return
                try:
                    connection.request("POST", "/api/v1/events", body, headers(key))
                    answer = connection.getresponse()
                    answer.read()
                    status = answer.status
                except (OSError, http.client.HTTPException) as error:
                    status = repr(error)
                with lock:
                    statuses[status] += 1

    started = [threading.Thread(target=send) for _ in range(threads)]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join()
    return statuses


def headers(key):
    return {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}


def at_their_moments(port, key, schedule):
    """Posts each (moment, body) of a sorted list at its moment (of time.time()), whatever became of those before it.

    Returns the counter of statuses and how late each was sent, in seconds.
    """
    return asyncio.run(Moments(port, key).run(schedule))


class Moments:
    def __init__(self, port, key):
        self.port = port
        fields = "".join(f"{name}: {value}\r\n" for name, value in headers(key).items())
        self.head = f"POST /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\n{fields}Content-Length: "
        self.statuses, self.late = collections.Counter(), []
        self.free, self.waiting, self.all_answered = [], 0, None

    async def run(self, schedule):
        self.all_answered = asyncio.Event()
        for moment, body in schedule:
            wait = moment - time.time()
            if wait > 0:
                await asyncio.sleep(wait)
            connection = self.free.pop() if self.free else await self.connect()
            self.late.append(time.time() - moment)
            self.waiting += 1
            connection.transport.write(f"{self.head}{len(body)}\r\n\r\n".encode() + body)
        while self.waiting:
            self.all_answered.clear()
            await asyncio.wait_for(self.all_answered.wait(), 60)
        return self.statuses, self.late

    async def connect(self):
        _, connection = await asyncio.get_running_loop().create_connection(lambda: Exchange(self), "127.0.0.1", self.port)
        return connection

    def answered(self, connection, status):
        self.statuses[status] += 1
        self.waiting -= 1
        if connection:
            self.free.append(connection)
        if not self.waiting:
            self.all_answered.set()


class Exchange(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self, moments):
        self.moments, self.transport, self.buffer = moments, None, b""

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.buffer += data
        head, separator, rest = self.buffer.partition(b"\r\n\r\n")
        if not separator:
            return
        length = next(int(line.partition(b":")[2]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length"))
        if len(rest) >= length:
            self.buffer = b""
            self.moments.answered(self, int(head.split(b" ", 2)[1]))

    def connection_lost(self, error):
        if self in self.moments.free:
            self.moments.free.remove(self)
        else:
            self.moments.answered(None, f"connection lost: {error}")
