import EventLoop
import Glibc
import Inspector

Task { @Loop in exit(await Inspector.run(Array(CommandLine.arguments.dropFirst())).rawValue) }
Loop.run()
