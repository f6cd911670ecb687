import EventLoop
import Glibc

// A program for benchmarks only: it measures a part of the fleet without the rest of it. Each part is a file beside this
// one and a line of BenchCommand.all.
Task { @Loop in exit(await BenchCommand.run(Array(CommandLine.arguments.dropFirst()))) }
Loop.run()
