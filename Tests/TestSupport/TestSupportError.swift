/// Something the tests need is missing or did not come up. Never a skip: a missing server is a failure.
package struct TestSupportError: Error, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}
