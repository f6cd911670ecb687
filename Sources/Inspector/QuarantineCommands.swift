/// `quarantine …`: jobs whose workers ended again and again while they ran alone. They stand among the dead letters.
enum QuarantineCommands {
    static let all = [
        DeadLetterCommands.list(
            .quarantine, "Lists quarantined jobs, with the workers that ended while they ran.",
            examples: ["quarantine list", "quarantine list --queue conversions --since 1d"]),
        DeadLetterCommands.redrive(
            .quarantine, "release", done: "released",
            "Lets quarantined jobs run again, each by itself: a crash counts from the beginning.",
            examples: ["quarantine release price-0190b2c4-7d3e-7a41-9f50-1c2d3e4f5061-2", "quarantine release --all"]),
        DeadLetterCommands.delete(
            .quarantine, "Deletes quarantined jobs; `dead export --state quarantined` keeps a copy.",
            examples: ["quarantine delete --queue clicks --until 7d --dry-run"]),
    ]
}
