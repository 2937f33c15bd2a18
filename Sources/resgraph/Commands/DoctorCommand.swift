import ArgumentParser

/// `resgraph doctor`.
struct DoctorCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor",
    abstract: "Says what the engine found on this machine, and what should be put right.")

  @OptionGroup var paths: ModelPathOptions
  @Flag(help: "Prints one JSON document.") var json = false

  func run() {
    let report = SystemReport(modelPaths: paths.all)
    if json {
      Terminal.exactResult(report.json)
      return
    }
    let width = report.lines.map(\.name.count).max() ?? 0
    for (name, value) in report.lines {
      Terminal.result(name + String(repeating: " ", count: width - name.count) + "  " + value)
    }
    for problem in report.problems {
      Terminal.message(Terminal.coloured("problem: ", .yellow) + PrintableText.message(problem))
    }
  }
}
