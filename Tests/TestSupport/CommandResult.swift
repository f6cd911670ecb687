import Glibc

/// What a finished command left.
package struct CommandResult: Sendable {
    /// Exit status; 128 + the signal's number when a signal ended it.
    package let status: Int32
    package let stdout: String
    package let stderr: String
}

/// Runs a command to its end.
/// - Parameters:
///   - path: an absolute path, or a name looked up in `PATH`.
///   - environment: added to this process's own; a `nil` value takes a variable away.
///   - deadline: it is killed and an error thrown when it takes longer; 120 s by default.
package func runCommand(
    _ path: String, _ arguments: [String] = [], environment: [String: String?] = [:], stdin: [UInt8] = [],
    directory: String? = nil, user: String? = nil, within deadline: Duration = .seconds(120)
) async throws -> CommandResult {
    try await offLoop {
        try runCommandBlocking(
            path, arguments, environment: environment, stdin: stdin, directory: directory, user: user, within: deadline)
    }
}

func runCommandBlocking(
    _ path: String, _ arguments: [String], environment: [String: String?] = [:], stdin: [UInt8] = [],
    directory: String? = nil, user: String? = nil, within deadline: Duration = .seconds(120)
) throws -> CommandResult {
    // Files rather than pipes: nothing can fill up and wait for us.
    let input = try anonymousFile(stdin)
    let output = try anonymousFile([])
    let errors = try anonymousFile([])
    defer { for descriptor in [input, output, errors] { close(descriptor) } }
    let process = try TestProcess.start(
        path, arguments, environment: environment, stdin: input, stdout: output, stderr: errors, directory: directory,
        user: user)
    let end = process.waitBlocking(within: deadline)
    if end == nil { process.kill() }
    lseek(output, 0, SEEK_SET)
    lseek(errors, 0, SEEK_SET)
    let stdout = String(decoding: readAll(output) ?? [], as: UTF8.self)
    let stderr = String(decoding: readAll(errors) ?? [], as: UTF8.self)
    switch end {
    case .exited(let status): return CommandResult(status: status, stdout: stdout, stderr: stderr)
    case .signalled(let signal): return CommandResult(status: 128 + signal, stdout: stdout, stderr: stderr)
    case nil: throw TestSupportError("\(path) \(arguments) did not end within \(deadline): \(stdout)\(stderr)")
    }
}

private func anonymousFile(_ content: [UInt8]) throws -> Int32 {
    var path = Array("\(temporaryFolder)/tributary-command-XXXXXX".utf8CString)
    let descriptor = mkstemp(&path)
    guard descriptor >= 0 else {
        throw TestSupportError("no file in \(temporaryFolder): \(String(cString: strerror(errno)))")
    }
    unlink(path)
    var written = 0
    while written < content.count {
        let count = content[written...].withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
        guard count > 0 else { throw TestSupportError("cannot write a command's input") }
        written += count
    }
    lseek(descriptor, 0, SEEK_SET)
    return descriptor
}
