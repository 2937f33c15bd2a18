import Foundation

/// A file of the project.
struct ProjectFile {
  /// The path from the project's folder.
  let path: String
  let text: String

  /// The file's own name.
  var name: String { parts.last ?? path }

  /// The parts of the path.
  var parts: [String] { path.split(separator: "/").map(String.init) }
}

/// The project's files, as they lie in its folder.
enum SourceTree {
  static let root = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()

  /// Every file of a folder whose name ends so, sorted by path.
  static func files(_ folder: String, _ suffix: String) throws -> [ProjectFile] {
    let all = FileManager.default.enumerator(atPath: root.appending(path: folder).path())
    let names = (all?.allObjects ?? []).compactMap { $0 as? String }.filter { $0.hasSuffix(suffix) }
    return try names.sorted().map { name in
      let path = "\(folder)/\(name)"
      let url = root.appending(path: path)
      return ProjectFile(path: path, text: try String(contentsOf: url, encoding: .utf8))
    }
  }

  /// The Swift files of Sources, read once for all tests.
  static let sources = Result { try parsed("Sources") }

  /// The Swift files of a folder, with their code.
  static func parsed(_ folder: String) throws -> [(file: ProjectFile, source: SourceText)] {
    try files(folder, ".swift").map { ($0, SourceText($0.text)) }
  }
}
