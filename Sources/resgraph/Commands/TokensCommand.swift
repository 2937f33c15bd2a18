import ArgumentParser

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
