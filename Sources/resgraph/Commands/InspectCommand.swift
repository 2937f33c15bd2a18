import ArgumentParser

/// `resgraph inspect`.
struct InspectCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "inspect",
    abstract: "Says what a file is: checkpoint, adapter, picture with a graph.")

  @Argument(help: "A weight file, a model's folder, or a picture.", completion: .file())
  var path: String
  @Flag(help: "Prints one JSON document.") var json = false

  func run() throws {
    let report = try FileReport(path: path)
    if json {
      Terminal.exactResult(report.json)
      return
    }
    for line in report.lines { Terminal.result(line) }
  }
}
