/// The program's help, made of the commands' tables.
enum Help {
    static let purpose = "looks into the fleet and repairs it"

    static func overview(_ commands: [Command]) -> Page {
        var page = Page(["\("tributary", .bold): \(purpose)", "", "usage: tributary <command> [options]"])
        for group in Command.Group.allCases {
            let members = commands.filter { $0.group == group }
            guard !members.isEmpty else { continue }
            page.heading("\(group.rawValue, .bold)")
            page.add(rows(members.map { (StyledLine($0.name), $0.summary) }, width: commands.map(\.name.count).max()))
        }
        page.heading("\("Every command", .bold)")
        page.add(rows(CommandOption.everywhere.map { (StyledLine($0.usage), $0.help) }))
        page.add([
            "", "Exit codes: 0 done, 1 not found, refused or not in order, 64 wrong usage, 69 a store does not answer,",
            "78 configuration. It reads the fleet's configuration: TRIBUTARY_* in the environment, or the file that",
            "TRIBUTARY_CONFIG names.",
        ])
        return page
    }

    static func page(of command: Command) -> Page {
        var page = Page(["\(command.summary)", "", "usage: \(usage(command))"])
        if let details = command.details { page.add(["", "\(details)"]) }
        if command.words.contains(where: { !$0.help.isEmpty }) {
            page.add("")
            page.add(rows(command.words.map { (StyledLine($0.usage), $0.help + choices($0.choices)) }))
        }
        page.add("")
        page.add(
            rows(
                (command.options + CommandOption.everywhere).map { option in
                    (StyledLine(option.usage), option.help + choices(option.choices))
                }))
        if !command.examples.isEmpty {
            page.add(["", "examples:"])
            page.add(command.examples.map { "  tributary \($0)" })
        }
        return page
    }

    static func usage(_ command: Command) -> String {
        let required = command.options.filter(\.isRequired).map(\.usage)
        let others = command.options.contains { !$0.isRequired } ? ["[options]"] : []
        return (["tributary", command.name] + command.words.map(\.usage) + required + others).joined(separator: " ")
    }

    private static func choices(_ choices: [String]) -> String {
        choices.isEmpty ? "" : " (\(choices.joined(separator: ", ")))"
    }

    private static func rows(_ rows: [(StyledLine, String)], width: Int? = nil) -> Table {
        let padded = rows.map { name, text -> [StyledLine] in
            let blanks = max(0, (width ?? 0) - name.width)
            return [name + StyledLine(String(repeating: " ", count: blanks)), StyledLine(text)]
        }
        return Table(
            columns: [Table.Column(heading: ""), Table.Column(heading: "", isElastic: true, isWrapped: true)],
            rows: padded, indent: 2,
            hasHeadings: false)
    }
}
