import Core

/// What a command shows to people: lines and tables, one below the other. How wide they may be is known when they are shown.
struct Page: Sendable {
    enum Block: Sendable {
        case line(StyledLine)
        case table(Table)
    }

    private(set) var blocks: [Block] = []

    init() {}

    init(_ lines: [StyledLine]) { blocks = lines.map(Block.line) }

    mutating func add(_ line: StyledLine) { blocks.append(.line(line)) }

    mutating func add(_ lines: [StyledLine]) { blocks += lines.map(Block.line) }

    mutating func add(_ table: Table) { blocks.append(.table(table)) }

    /// A title after an empty line, unless it is the first.
    mutating func heading(_ title: StyledLine) {
        if !blocks.isEmpty { add("") }
        add(title)
    }

    mutating func add(_ page: Page) { blocks += page.blocks }

    /// - Parameter columns: of the terminal; `nil` for as wide as it gets.
    func lines(columns: Int?) -> [StyledLine] {
        blocks.flatMap { block in
            switch block {
            case .line(let line): [line]
            case .table(let table): table.lines(columns: columns)
            }
        }
    }
}

/// Rows in columns.
struct Table: Sendable {
    struct Column: Sendable {
        let heading: String
        var isRight = false
        /// May be cut where the terminal is too narrow.
        var isElastic = false
        /// Goes on below instead of being cut.
        var isWrapped = false
        /// Left out where the terminal is too narrow even so.
        var isDroppable = false
    }

    var columns: [Column]
    var rows: [[StyledLine]] = []
    /// Columns of blanks before each line.
    var indent = 0
    var hasHeadings = true

    private static let gap = 2
    private static let elasticMin = 12

    func lines(columns limit: Int?) -> [StyledLine] {
        guard let limit, let column = columns.lastIndex(where: \.isDroppable), leastWidth > limit else {
            return fitted(to: limit)
        }
        var narrower = self
        narrower.columns.remove(at: column)
        for row in narrower.rows.indices { narrower.rows[row].remove(at: column) }
        return narrower.lines(columns: limit)
    }

    /// With every elastic column at its narrowest.
    private var leastWidth: Int {
        let widths = naturalWidths.enumerated().map { columns[$0].isElastic ? min($1, Self.elasticMin) : $1 }
        return indent + widths.reduce(0, +) + Self.gap * (widths.count - 1)
    }

    private var naturalWidths: [Int] {
        columns.indices.map { column in
            rows.reduce(hasHeadings ? columns[column].heading.terminalWidth : 0) { max($0, $1[column].width) }
        }
    }

    private func fitted(to limit: Int?) -> [StyledLine] {
        var widths = naturalWidths
        if let limit { shrink(&widths, to: limit) }
        let headings: [StyledLine] = columns.map { StyledLine($0.heading, .dim) }
        return ((hasHeadings ? [headings] : []) + rows).flatMap { row in
            wrapped(row, widths).map { line($0, widths) }
        }
    }

    /// A row as it is, or as several where a cell goes on below itself.
    private func wrapped(_ row: [StyledLine], _ widths: [Int]) -> [[StyledLine]] {
        var rows = [row]
        for (index, column) in columns.enumerated() where column.isWrapped && row[index].width > widths[index] {
            for (number, part) in row[index].wrapped(to: widths[index]).enumerated() {
                if number == rows.count { rows.append(columns.map { _ in "" }) }
                rows[number][index] = part
            }
        }
        return rows
    }

    private func shrink(_ widths: inout [Int], to limit: Int) {
        var excess = indent + widths.reduce(0, +) + Self.gap * (widths.count - 1) - limit
        for column in columns.indices.reversed() where columns[column].isElastic && excess > 0 {
            let cut = min(excess, max(0, widths[column] - Self.elasticMin))
            widths[column] -= cut
            excess -= cut
        }
    }

    private func line(_ cells: [StyledLine], _ widths: [Int]) -> StyledLine {
        var line = StyledLine(String(repeating: " ", count: indent))
        // Blanks are only written when something follows them.
        var blanks = 0
        for (index, column) in columns.enumerated() {
            let cell = cells[index].cut(to: widths[index])
            let fill = widths[index] - cell.width
            if column.isRight { blanks += fill }
            if !cell.isEmpty {
                line.append(String(repeating: " ", count: blanks))
                line.append(cell)
                blanks = 0
            }
            if !column.isRight { blanks += fill }
            blanks += Self.gap
        }
        return line
    }
}

/// A list of things: a table for people, objects under one name for programs.
struct Listing {
    struct Field {
        let key: String
        let column: Table.Column

        init(_ key: String, _ heading: String, isRight: Bool = false, isElastic: Bool = false) {
            self.key = key
            column = Table.Column(heading: heading, isRight: isRight, isElastic: isElastic)
        }
    }

    struct Cell {
        let text: StyledLine
        let json: JSON

        init(_ text: StyledLine, _ json: JSON) {
            self.text = text
            self.json = json
        }

        init(_ text: String, _ style: TextStyle = .plain) { self.init(StyledLine(text, style), .string(text)) }

        init(_ text: String?) { self.init(StyledLine(text ?? "-"), text.map { .string($0) } ?? .null) }

        init(_ number: Int64) { self.init(StyledLine("\(number)"), JSON(integer: number)) }

        init(_ flag: Bool) { self.init(flag ? "yes" : "no", .bool(flag)) }

        init(_ texts: [String]) {
            self.init(StyledLine(texts.joined(separator: ",")), .array(texts.map { .string($0) }))
        }
    }

    let name: String
    let fields: [Field]
    var rows: [[Cell]] = []
    /// What is said instead of a table without rows.
    let whenEmpty: StyledLine

    init(_ name: String, _ fields: [Field], whenEmpty: StyledLine) {
        self.name = name
        self.fields = fields
        self.whenEmpty = whenEmpty
    }

    var answer: Answer {
        var page = Page()
        if rows.isEmpty {
            page.add(whenEmpty)
        } else {
            page.add(Table(columns: fields.map(\.column), rows: rows.map { $0.map(\.text) }))
        }
        return Answer(.object(JSONObject([(name, json)])), page)
    }

    var json: JSON {
        .array(rows.map { row in .object(JSONObject(zip(fields, row).map { ($0.key, $1.json) })) })
    }
}
