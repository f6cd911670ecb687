import Glibc

/// A program of this package, as it was built beside the tests.
package func builtProgram(_ name: String) throws -> String {
    var path = [CChar](repeating: 0, count: 4096)
    let length = readlink("/proc/self/exe", &path, path.count - 1)
    guard length > 0 else { throw TestSupportError("the tests do not know where they are") }
    let own = String(decoding: path.prefix(length).map(UInt8.init(bitPattern:)), as: UTF8.self)
    return try findProgram("\(own[..<(own.lastIndex(of: "/") ?? own.endIndex)])/\(name)")
}
