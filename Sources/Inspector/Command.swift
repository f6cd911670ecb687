import Core
import EventLoop

/// One command of the inspector: its words, its help, and what it does.
struct Command: Sendable {
    /// The headings of the overview.
    enum Group: String, CaseIterable, Sendable {
        case setup = "Setting up"
        case orders = "Orders and money"
        case queues = "Queues and jobs"
        case fleet = "The fleet"
        case shell = "The shell"
    }

    /// One or two words, such as `partner add`.
    let name: String
    let summary: String
    let group: Group
    let words: [CommandWord]
    let options: [CommandOption]
    /// Without the program's name.
    let examples: [String]
    /// More than one sentence has room for.
    let details: String?
    let run: @Loop @Sendable (Session, Arguments) async throws -> Answer

    init(
        _ name: String, _ group: Group, _ summary: String, words: [CommandWord] = [], options: [CommandOption] = [],
        examples: [String] = [], details: String? = nil,
        run: @escaping @Loop @Sendable (Session, Arguments) async throws -> Answer
    ) {
        self.name = name
        self.group = group
        self.summary = summary
        self.words = words
        self.options = options
        self.examples = examples
        self.details = details
        self.run = run
    }
}

/// What a command says: the same for programs and for people.
struct Answer: Sendable {
    let json: JSON
    let page: Page
    /// `false` makes the exit code 1: the command ran, and what it looked at is not as it should be.
    var isGood = true
    /// The command has written its answer itself, piece by piece.
    var isWritten = false

    init(_ json: JSON, _ page: Page, isGood: Bool = true) {
        self.json = json
        self.page = page
        self.isGood = isGood
    }

    init(_ json: JSON, _ lines: [StyledLine], isGood: Bool = true) {
        self.init(json, Page(lines), isGood: isGood)
    }

    static var written: Answer {
        var answer = Answer(.null, Page())
        answer.isWritten = true
        return answer
    }
}

/// A command cannot do what was asked; exit code 1.
struct Refusal: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

/// The configuration lacks what the command needs; exit code 78.
struct MissingSetting: Error, CustomStringConvertible {
    let description: String

    init(_ name: String, _ why: String) { description = "\(name) is not set: \(why)" }
}
