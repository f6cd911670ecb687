/// How the program ends. Scripts rely on these numbers: none ever changes its meaning.
package enum ExitStatus: Int32, Sendable {
    case ok = 0
    /// Not found, refused, or what was looked at is not as it should be.
    case failed = 1
    /// Not a command line of ours.
    case usage = 64
    /// A store did not answer.
    case unreachable = 69
    /// The configuration is wrong, or lacks what the command needs.
    case configuration = 78
}
