import Core
import Postgres

/// Rows under headings: aligned columns for people, objects for programs.
func table(_ rows: [[String]], _ headings: [String]) -> Answer {
    let widths = headings.indices.map { column in
        ([headings[column]] + rows.map { $0[column] }).map(\.count).max() ?? 0
    }
    func line(_ cells: [String]) -> String {
        var text = ""
        for (cell, width) in zip(cells, widths) {
            text += cell + String(repeating: " ", count: max(0, width - cell.count) + 2)
        }
        while text.hasSuffix(" ") { text.removeLast() }
        return text
    }
    let objects = rows.map { row in JSON.object(JSONObject(zip(headings, row).map { ($0, .string($1)) })) }
    return Answer(["rows": .array(objects)], [line(headings)] + rows.map(line))
}

func table(
    _ rows: PostgresRows, _ headings: [String], cells: (PostgresRow) throws -> [String]
) throws -> Answer {
    table(try rows.map(cells), headings)
}
