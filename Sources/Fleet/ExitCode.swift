/// How a fleet process ends, after sysexits.h.
package enum ExitCode: Int32, Sendable {
    case success = 0
    /// A second signal, or a bug: leases are left to expire.
    case failure = 1
    /// Not a command line of ours.
    case usage = 64
    /// A store did not answer in time at the start; a supervisor starts the process again.
    case temporaryFailure = 75
    /// The configuration, or what a store is configured to be, is refused.
    case configuration = 78
}
