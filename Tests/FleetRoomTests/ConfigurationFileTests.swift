import TestSupport
import Testing

@testable import Fleet

@Suite struct ConfigurationFileTests {
    @Test func linesAreRead() {
        let file = ConfigurationFile(
            text: "# a comment\n\n TRIBUTARY_BATCH = 5 \r\nTRIBUTARY_MAIL_FROM=\"a@b.example\"\nTRIBUTARY_PREFIX=a=b\n",
            path: "f")
        #expect(file.problems.isEmpty)
        #expect(
            file.values == ["TRIBUTARY_BATCH": "5", "TRIBUTARY_MAIL_FROM": "a@b.example", "TRIBUTARY_PREFIX": "a=b"])
    }

    @Test func everyBadLineIsNamedByItsNumberAndNotShown() {
        let file = ConfigurationFile(text: "hunter2\nTRIBUTARY_CONFIG=/x\nA=1\nA=2\n", path: "f")
        #expect(file.problems.map(\.name) == ["f, line 1", "f, line 2", "f, line 4"])
        #expect(!file.problems.description.contains("hunter2"))
    }

    @Test func problemsOfTheFileComeWithTheOthers() async throws {
        let path = "/tmp/\(uniqueName("configuration")).env"
        _ = try await runCommand("sh", ["-c", "printf 'nonsense\\nTRIBUTARY_SHARDS=x\\nOTHER=1\\n' > \(path)"])
        do {
            _ = try FleetConfiguration.load(
                environment: ["TRIBUTARY_CONFIG": path, "TRIBUTARY_BATCH": "0"], required: [], resolve: { $0 })
            Issue.record("it was taken")
        } catch {
            #expect(
                Set(error.problems.map(\.name)) == ["\(path), line 1", "TRIBUTARY_SHARDS", "OTHER", "TRIBUTARY_BATCH"])
        }
        _ = try await runCommand("rm", [path])
    }

    @Test func aMissingFileIsAProblem() {
        #expect(throws: ConfigurationProblems.self) {
            try FleetConfiguration.load(
                environment: ["TRIBUTARY_CONFIG": "/nonexistent/x"], required: [], resolve: { $0 })
        }
    }

    @Test(
        arguments: [
            ([], .run), (["--help"], .help), (["--check-config"], .checkConfiguration),
            (["--check-config", "-h"], .help),
            (["--quiet"], .unknown("--quiet")), (["--help", "x"], .unknown("x")),
        ] as [([String], ProcessArguments)])
    func argumentsAreFew(_ arguments: [String], _ expected: ProcessArguments) {
        #expect(ProcessArguments(arguments) == expected)
    }

    @Test func helpNamesEverySetting() {
        let help = ProcessArguments.help(program: "p", required: [.masterKey])
        for setting in Setting.all { #expect(help.contains("  \(setting.name)")) }
        #expect(help.contains("TRIBUTARY_MASTER_KEY  (required)"))
    }
}
