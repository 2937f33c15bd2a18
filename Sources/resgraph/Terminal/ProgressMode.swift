import ArgumentParser

/// How progress is shown.
enum ProgressMode: String, ExpressibleByArgument, CaseIterable {
  /// A bar on a terminal, plain lines elsewhere.
  case auto
  /// Lines.
  case plain
  /// One event per line, as JSON.
  case json
  /// Warnings only.
  case none
}
