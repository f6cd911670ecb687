package import Fleet
import JobQueue

/// A start check: the schedules of the program and of the configured folder can be used. Each problem is a refusal of its own.
package let requireUsableSchedules: FleetProcess.StartCheck = { fleet in
    do throws(Schedule.Invalid) {
        _ = try ScheduleFolder.schedules(in: fleet.configuration.schedules)
        return []
    } catch {
        return error.problems.map { StartFinding(.refusal, "a schedule cannot be used: \($0)") }
    }
}

extension FleetProcess {
    /// Adds the ``Scheduler`` of all schedules.
    package func addScheduler() throws {
        add(
            Scheduler(
                schedules: try ScheduleFolder.schedules(in: configuration.schedules), pool: postgres, queue: queue))
    }
}
