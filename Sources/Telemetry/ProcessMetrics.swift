import Core
package import EventLoop
import Glibc

/// The process's own figures under the names that Prometheus clients share, read from /proc at each rendering.
@Loop
package enum ProcessMetrics {
    /// Adds `process_cpu_seconds_total`, `process_resident_memory_bytes`, `process_open_fds`, `process_max_fds`
    /// and `process_start_time_seconds` to the registry.
    package static func install(in registry: Metrics = .shared) {
        let cpu = Counter("process_cpu_seconds_total", "User and system CPU time spent, in seconds.", in: registry)
            .series()
        let memory = Gauge("process_resident_memory_bytes", "Resident memory.", in: registry).series()
        let open = Gauge("process_open_fds", "Open file descriptors.", in: registry).series()
        let most = Gauge("process_max_fds", "Greatest number of open file descriptors.", in: registry).series()
        Gauge("process_start_time_seconds", "Unix time of the start.", in: registry)
            .set(Double(Loop.wallClock.rawValue) / 1000)
        registry.beforeRendering {
            cpu.add(max(0, cpuSeconds() - cpu.value))
            if let bytes = residentBytes() { memory.set(bytes) }
            if let count = openDescriptors() { open.set(count) }
            var limit = rlimit()
            if getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 { most.set(Double(limit.rlim_cur)) }
        }
    }

    private static func cpuSeconds() -> Double {
        var usage = rusage()
        guard getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage) == 0 else { return 0 }
        return seconds(usage.ru_utime) + seconds(usage.ru_stime)
    }

    private static func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }

    private static func residentBytes() -> Double? {
        // The second field of statm is the number of resident pages.
        let descriptor = Glibc.open("/proc/self/statm", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var buffer = [UInt8](repeating: 0, count: 128)
        let count = read(descriptor, &buffer, buffer.count)
        guard count > 0 else { return nil }
        let fields = String(decoding: buffer.prefix(count), as: UTF8.self).split(separator: " ")
        guard fields.count > 1, let pages = Double(fields[1]) else { return nil }
        return pages * Double(sysconf(Int32(_SC_PAGESIZE)))
    }

    private static func openDescriptors() -> Int? {
        guard let folder = opendir("/proc/self/fd") else { return nil }
        defer { closedir(folder) }
        var count = 0
        while readdir(folder) != nil { count += 1 }
        // Not counted: ".", ".." and the descriptor that reads the folder.
        return max(0, count - 3)
    }
}
