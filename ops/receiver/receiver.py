#!/usr/bin/env python3
"""A partner's webhook receiver for the demonstration, the fleet test and the benchmarks.

It verifies each delivery by Standard Webhooks, writes down each as a line of JSON, and fails, waits or hangs on demand
(see endpoints.py). GET /stats tells the counts. One process, asyncio, HTTP/1.1 with keep-alive.

A line: {"at": ms, "path", "id", "timestamp", "attempt": how often this id has come, "sha256": of the body, "bytes",
"verified", "bodySignature": X-Webhook-Signature is right, "reason": why not verified, "status": what was answered,
"body": with --keep-bodies}
"""

import argparse
import asyncio
import hashlib
import json
import os
import signal
import socket
import struct
import time
from collections import Counter

from endpoints import Endpoints
from ready import write_ready_file
from verification import Refused, has_body_signature, verifier_class

HEADER_BYTES_MAX = 64 << 10
BODY_BYTES_MAX = 16 << 20
REFRESH_SECONDS = 0.1
REASONS = {200: "OK", 202: "Accepted", 204: "No Content", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found",
           410: "Gone", 413: "Payload Too Large", 429: "Too Many Requests", 500: "Internal Server Error",
           503: "Service Unavailable"}


class Journal:
    """The JSON-lines file. A line is written before its delivery is answered, so whoever saw the answer finds it."""

    def __init__(self, path):
        self.descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def add(self, record):
        data = (json.dumps(record, separators=(",", ":")) + "\n").encode()
        while data:
            data = data[os.write(self.descriptor, data):]


class Receiver:
    def __init__(self, endpoints, journal, keep_bodies):
        self.endpoints, self.journal, self.keep_bodies = endpoints, journal, keep_bodies
        self.counts = Counter()
        self.arrivals = Counter()

    def stats(self):
        return {"verifier": self.endpoints.verifier.name, "distinctIds": len(self.arrivals), **self.counts}

    def receive(self, path, headers, body):
        """(endpoint or None, status) for a delivery, which is written down."""
        endpoint, reason = self.endpoints.find(path, lambda endpoint: self.refusal(endpoint, headers, body))
        identifier = headers.get("webhook-id")
        self.arrivals[(path, identifier)] += 1
        verified = reason is None
        if endpoint is None:
            status = 404
        elif not verified:
            status = 401
        else:
            status = endpoint.next_status(identifier)
        record = {
            "at": time.time_ns() // 1_000_000, "path": path, "id": identifier,
            "timestamp": headers.get("webhook-timestamp"), "attempt": self.arrivals[(path, identifier)],
            "sha256": hashlib.sha256(body).hexdigest(), "bytes": len(body), "verified": verified, "status": status,
            "bodySignature": endpoint is not None
            and any(has_body_signature(secret, body, headers) for secret in endpoint.secrets),
        }
        if reason:
            record["reason"] = reason
        if self.keep_bodies:
            record["body"] = body.decode(errors="replace")
        self.journal.add(record)
        self.counts.update(received=1, verified=int(verified), refused=int(not verified))
        self.counts[f"answered{status}"] += 1
        return endpoint, status

    @staticmethod
    def refusal(endpoint, headers, body):
        if endpoint.is_unsigned:
            return None
        reason = "the endpoint has no secret"
        for verifier in endpoint.verifiers:
            try:
                verifier.verify(body, headers)
                return None
            except Refused as error:
                reason = str(error)
        return reason


class Connection(asyncio.Protocol):
    """One HTTP/1.1 connection. Requests are answered in order; a delayed answer holds those after it."""

    def __init__(self, receiver):
        self.receiver = receiver
        self.buffer = bytearray()
        self.is_waiting = False
        self.transport = None

    def connection_made(self, transport):
        self.transport = transport
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def data_received(self, data):
        self.buffer += data
        self.serve()

    def serve(self):
        while not self.is_waiting and not self.transport.is_closing():
            end = self.buffer.find(b"\r\n\r\n")
            if end < 0:
                if len(self.buffer) > HEADER_BYTES_MAX:
                    self.refuse(400)
                return
            try:
                method, target, headers = self.parse(bytes(self.buffer[:end]).decode("latin-1"))
                length = int(headers.get("content-length", "0"))
            except ValueError:
                return self.refuse(400)
            if length > BODY_BYTES_MAX or "transfer-encoding" in headers:
                return self.refuse(413)
            if len(self.buffer) < end + 4 + length:
                if headers.get("expect", "").lower() == "100-continue" and len(self.buffer) == end + 4:
                    self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                return None
            body = bytes(self.buffer[end + 4:end + 4 + length])
            del self.buffer[:end + 4 + length]
            self.handle(method, target, headers, body)
        return None

    @staticmethod
    def parse(head):
        lines = head.split("\r\n")
        method, target, _ = lines[0].split(" ")
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        return method, target, headers

    def handle(self, method, target, headers, body):
        path = target.partition("?")[0]
        if method == "GET" and path == "/stats":
            return self.answer(200, json.dumps(self.receiver.stats()).encode())
        if method != "POST":
            return self.answer(404)
        endpoint, status = self.receiver.receive(path, headers, body)
        if endpoint is None:
            return self.answer(status)
        if endpoint.hangs:
            self.is_waiting = True
            return None
        if endpoint.resets:
            self.transport.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return self.transport.abort()
        extra = endpoint.headers if status >= 300 else {}
        if endpoint.delay_seconds == 0:
            return self.answer(status, extra=extra)
        self.is_waiting = True
        asyncio.get_running_loop().call_later(endpoint.delay_seconds, self.answer_later, status, extra)
        return None

    def answer_later(self, status, extra):
        if self.transport.is_closing():
            return
        self.is_waiting = False
        self.answer(status, extra=extra)
        self.serve()

    def answer(self, status, body=b"", extra=None):
        head = f"HTTP/1.1 {status} {REASONS.get(status, 'Status')}\r\nContent-Length: {len(body)}\r\n"
        for name, value in (extra or {}).items():
            head += f"{name}: {value}\r\n"
        self.transport.write(head.encode() + b"\r\n" + body)

    def refuse(self, status):
        self.answer(status, extra={"Connection": "close"})
        self.transport.close()


async def refresh_for_ever(endpoints):
    while True:
        await asyncio.sleep(REFRESH_SECONDS)
        endpoints.refresh_or_say()


async def serve(arguments):
    verifier = verifier_class(arguments.verify)
    receiver = Receiver(Endpoints(arguments.endpoints, verifier), Journal(arguments.journal), arguments.keep_bodies)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(receiver), arguments.host, arguments.port, backlog=4096)
    port = server.sockets[0].getsockname()[1]
    print(f"receiving on {arguments.host}:{port}, verifying with {verifier.name}", flush=True)
    if arguments.ready_file:
        write_ready_file(arguments.ready_file, {"port": port, "pid": os.getpid(), "verifier": verifier.name})
    refreshing = asyncio.create_task(refresh_for_ever(receiver.endpoints))
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    await stopped.wait()
    refreshing.cancel()
    server.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 (the default) takes any")
    parser.add_argument("--endpoints", required=True, help="JSON file of the endpoints, re-read when it changes")
    parser.add_argument("--journal", required=True, help="JSON-lines file to which each delivery is appended")
    parser.add_argument("--ready-file", help="JSON file with the port, written when it listens")
    parser.add_argument("--verify", choices=["auto", "library", "own"], default="auto")
    parser.add_argument("--keep-bodies", action="store_true", help="write the bodies down, too")
    asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
