/// What is there of the fleet, and its schedules.
enum FleetCommands {
    static let all = [WorkersCommand.command] + ScheduleCommands.all
}
