import Glibc

/// A server that could not start.
package struct HTTPServerError: Error, CustomStringConvertible {
    /// The call that failed, such as `listen on 127.0.0.1:4000`.
    package let operation: String
    /// `errno` after it, or 0 when it gave no reason.
    package let code: Int32

    package var description: String {
        code == 0 ? "\(operation) failed" : "\(operation) failed: \(String(cString: strerror(code)))"
    }
}
