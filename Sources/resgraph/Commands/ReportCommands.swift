import ArgumentParser
import Resgraph

/// `resgraph tokens`.
struct TokensCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tokens", abstract: "Shows how a prompt is cut into tokens, and what is cut off.")

  @Argument(help: "The prompt.") var text: String
  @Option(
    help: ArgumentHelp(
      "A checkpoint, or a tokenizer's folder; CLIP's own vocabulary when left out.",
      valueName: "path"))
  var model: String?
  @Flag(help: "Prints one JSON document.") var json = false

  func run() throws {
    let report = try TokenReport(text, model: model)
    if json {
      try JSONOutput.print(report.tokens)
      return
    }
    for (index, token) in report.tokens.enumerated() {
      let mark = index < report.room ? "" : "  (not read)"
      Terminal.result("\(token.id)\t\(token.text)\(mark)")
    }
    Terminal.message("\(report.tokens.count) tokens; the text encoder reads \(report.room)")
  }
}

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
      Terminal.result(report.json)
      return
    }
    for line in report.lines { Terminal.result(line) }
  }
}
