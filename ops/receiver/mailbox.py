#!/usr/bin/env python3
"""A mail server that delivers nothing: each message is appended to a JSON-lines file, for the demonstration.

A line: {"at": ms, "from", "to": [...], "subject", "message": as it came}. Speaks as much SMTP (RFC 5321) as a client needs
that sends in clear on 127.0.0.1.
"""

import argparse
import asyncio
import email
import json
import os
import signal
import time
from email import policy

from ready import write_ready_file

MESSAGE_BYTES_MAX = 10 << 20


class Session:
    def __init__(self, reader, writer, journal):
        self.reader, self.writer, self.journal = reader, writer, journal
        self.begin()

    def begin(self):
        self.sender, self.receivers = None, []

    async def serve(self):
        self.say("220 mailbox ready")
        while line := await self.reader.readline():
            verb, _, rest = line.decode(errors="replace").strip().partition(" ")
            if verb.upper() == "QUIT":
                self.say("221 bye")
                break
            await self.obey(verb.upper(), rest)
            await self.writer.drain()
        self.writer.close()

    async def obey(self, verb, rest):
        if verb in ("EHLO", "HELO"):
            self.say("250-mailbox" if verb == "EHLO" else "250 mailbox")
            if verb == "EHLO":
                self.say(f"250 SIZE {MESSAGE_BYTES_MAX}")
        elif verb == "MAIL":
            self.sender = self.address(rest)
            self.say("250 ok")
        elif verb == "RCPT":
            self.receivers.append(self.address(rest))
            self.say("250 ok")
        elif verb == "DATA" and self.receivers:
            self.say("354 end with a dot")
            await self.writer.drain()
            self.keep(await self.message())
            self.begin()
            self.say("250 kept")
        elif verb in ("RSET", "NOOP"):
            self.begin()
            self.say("250 ok")
        else:
            self.say("503 not now" if verb == "DATA" else "502 unknown")

    async def message(self):
        lines = []
        while (line := await self.reader.readline()) not in (b".\r\n", b""):
            # A leading dot was doubled by the sender.
            lines.append(line[1:] if line.startswith(b".") else line)
        return b"".join(lines)

    def keep(self, message):
        subject = email.message_from_bytes(message, policy=policy.default)["subject"]
        record = {"at": time.time_ns() // 1_000_000, "from": self.sender, "to": self.receivers,
                  "subject": subject and str(subject), "message": message.decode(errors="replace")}
        self.journal.write(json.dumps(record) + "\n")
        self.journal.flush()

    @staticmethod
    def address(rest):
        return rest.partition("<")[2].partition(">")[0]

    def say(self, text):
        self.writer.write(text.encode() + b"\r\n")


async def serve(arguments):
    with open(arguments.journal, "a", encoding="utf-8") as journal:
        async def connected(reader, writer):
            try:
                await Session(reader, writer, journal).serve()
            except ConnectionError:
                pass  # the client has gone; there is nobody to tell

        server = await asyncio.start_server(connected, "127.0.0.1", arguments.port, limit=MESSAGE_BYTES_MAX)
        port = server.sockets[0].getsockname()[1]
        print(f"mailbox on 127.0.0.1:{port}", flush=True)
        if arguments.ready_file:
            write_ready_file(arguments.ready_file, {"port": port, "pid": os.getpid()})
        stopped = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stopped.set)
        await stopped.wait()
        server.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, default=0, help="0 (the default) takes any")
    parser.add_argument("--journal", required=True, help="JSON-lines file to which each message is appended")
    parser.add_argument("--ready-file", help="JSON file with the port, written when it listens")
    asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
