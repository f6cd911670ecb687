package import EventLoop

/// A part of a process with a life of its own: started in the order of adding, stopped in the reverse order.
@Loop package protocol FleetService: AnyObject {
    /// For logs.
    var name: String { get }
    func start() async throws
    /// Takes on nothing new; returns at once. Harmless when repeated.
    func quiet()
    /// Returns when nothing is in flight any more. ``quiet()`` came before.
    func drain() async
    /// Cancels what is in flight, gives back what is leased and returns soon: it does not wait for work that does not
    /// heed its cancellation.
    func stop() async
}
