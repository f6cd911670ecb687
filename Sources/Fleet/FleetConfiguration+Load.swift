import Glibc

extension FleetConfiguration {
    /// Reads the process's environment and, when it names one, the file; resolves the stores' host names. Blocks: call it
    /// before the loop runs.
    ///
    /// - Parameter required: settings without a default that this process cannot do without.
    /// - Throws: all problems at one go, those of the file among them.
    package static func load(required: [Setting] = []) throws(ConfigurationProblems) -> FleetConfiguration {
        try load(environment: processEnvironment(), required: required, resolve: HostResolver.address)
    }

    static func load(
        environment: [String: String], required: [Setting], resolve: (String) -> String?
    ) throws(ConfigurationProblems) -> FleetConfiguration {
        var file: [String: String] = [:]
        var problems: [ConfigurationProblem] = []
        if let path = environment[Setting.configFile.name], !path.isEmpty {
            do {
                let read = try ConfigurationFile.read(path: path)
                file = read.values
                problems = read.problems
            } catch {
                problems = [error]
            }
        }
        do {
            let configuration = try FleetConfiguration(
                environment: environment, file: file, required: required, resolve: resolve)
            if problems.isEmpty { return configuration }
        } catch {
            problems += error.problems
        }
        throw ConfigurationProblems(problems: problems)
    }

    private static func processEnvironment() -> [String: String] {
        var values: [String: String] = [:]
        var entry = environ
        while let text = entry.pointee {
            let pair = String(cString: text).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if pair.count == 2 { values[String(pair[0])] = String(pair[1]) }
            entry += 1
        }
        return values
    }
}
