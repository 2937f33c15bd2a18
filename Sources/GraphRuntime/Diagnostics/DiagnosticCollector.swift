/// Collects diagnostics, up to a number that people still read.
struct DiagnosticCollector {
  private(set) var found: [Diagnostic] = []
  private(set) var errorCount = 0
  static let limit = 200

  var hasErrors: Bool { errorCount > 0 }
  /// Whether no more diagnostics are collected.
  var isFull: Bool { found.count >= Self.limit }

  mutating func add(_ diagnostic: Diagnostic) {
    if diagnostic.severity == .error { errorCount += 1 }
    if found.count < Self.limit { found.append(diagnostic) }
  }

  mutating func error(
    _ code: Diagnostic.Code, _ message: String, at range: SourceRange,
    _ details: Diagnostic.Details = .init()
  ) {
    add(Diagnostic(code, message, at: range, details))
  }

  mutating func add(contentsOf diagnostics: [Diagnostic]) {
    for diagnostic in diagnostics { add(diagnostic) }
  }
}

/// Stops reading a text, because the rest of it cannot be understood.
struct FatalDiagnostic: Error {
  let diagnostic: Diagnostic

  init(
    _ code: Diagnostic.Code, _ message: String, at range: SourceRange,
    _ details: Diagnostic.Details = .init()
  ) {
    diagnostic = Diagnostic(code, message, at: range, details)
  }
}
