import GraphRuntime

/// Renders diagnostics for standard error, with colours where they are used.
enum DiagnosticText {
  static func render(_ diagnostics: Diagnostics) -> String {
    let blocks = diagnostics.all.map { diagnostic in
      let text = PrintableText.message(diagnostics.render(diagnostic))
      let mark = "\(diagnostic.severity.rawValue)[\(diagnostic.code.rawValue)]"
      let colour: Terminal.Colour = diagnostic.severity == .error ? .red : .yellow
      return text.replacing(mark, with: Terminal.coloured(mark, colour), maxReplacements: 1)
    }
    let count = diagnostics.errors.count
    guard count > 0 else { return blocks.joined() }
    return blocks.joined() + "\(count) error\(count == 1 ? "" : "s")\n"
  }
}
