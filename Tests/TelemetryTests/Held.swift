import EventLoop

/// A variable that closures of the loop share with their test.
@Loop
final class Held<Value> {
    var value: Value
    init(_ value: Value) { self.value = value }
}
