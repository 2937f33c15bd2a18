import Foundation

/// How one folder is reached from another.
enum RelativePath {
  /// A path from one folder to another; both may be relative to the working directory.
  static func from(_ start: String, to end: String) -> String {
    let first = components(start)
    let last = components(end)
    let shared = zip(first, last).prefix { $0 == $1 }.count
    let steps = Array(repeating: "..", count: first.count - shared) + last[shared...]
    return steps.isEmpty ? "." : steps.joined(separator: "/")
  }

  private static func components(_ path: String) -> [String] {
    URL(filePath: path, directoryHint: .isDirectory).absoluteURL.standardizedFileURL.pathComponents
      .filter { $0 != "/" }
  }
}
