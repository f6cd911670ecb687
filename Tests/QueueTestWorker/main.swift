import EventLoop
import Glibc

// A worker process for the tests of the queue, which kill it, stop it and let it go on; no part of an installation.
Task { @Loop in exit(await TestWorker.run(Array(CommandLine.arguments.dropFirst()))) }
Loop.run()
