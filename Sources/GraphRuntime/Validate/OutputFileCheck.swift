import ResgraphFiles

/// A value of which each part becomes a file of its own, as the pictures of a batch do.
package protocol ValueInFiles: PortValue {
  /// How many files it is written to; also known of a prediction.
  var fileCount: Int { get }
}

extension ValidatedGraph.ResolvedOutput {
  /// The names of the files that a value is written to.
  ///
  /// - Parameters:
  ///   - params: The parameters' values by name.
  ///   - value: What is known of the value; a batch that nobody knows counts as one.
  /// - Returns: Relative paths, at least one.
  package func fileNames(params: [String: Literal], of value: (any PortValue)?) -> [String] {
    fileNames(params: params, count: max(1, (value as? any ValueInFiles)?.fileCount ?? 1))
  }
}

/// Checks before a run that the files it will write can have their names, and that each is its own.
struct OutputFileCheck {
  private(set) var collector = DiagnosticCollector()
  private let declarations: [GraphDocument.OutputDeclaration]
  private let params: [String: Literal]
  /// The owners of files and of the folders above them.
  private var owners: [String: (output: ValidatedGraph.ResolvedOutput, isFolder: Bool)] = [:]

  /// The most bytes that file systems allow in a name.
  private static let longestName = 255

  init(_ document: GraphDocument, params: [String: Literal]) {
    declarations = document.outputs
    self.params = params
  }

  /// Checks the files of one output.
  ///
  /// - Parameters:
  ///   - output: The output.
  ///   - value: What is known of its value before the run.
  mutating func add(_ output: ValidatedGraph.ResolvedOutput, value: (any PortValue)?) {
    // A parameter without a value is reported elsewhere.
    guard (output.pattern?.params ?? []).allSatisfy({ params[$0] != nil }) else { return }
    for file in output.fileNames(params: params, of: value) {
      guard fits(file, output), claim(file, for: output) else { return }
    }
  }

  private mutating func fits(_ file: String, _ output: ValidatedGraph.ResolvedOutput) -> Bool {
    guard let long = file.split(separator: "/").first(where: { $0.utf8.count > Self.longestName })
    else { return true }
    collector.error(
      .badName, "the name of output `\(output.name)`'s file is too long", at: place(of: output),
      .init(
        expected: "at most \(Self.longestName) bytes", got: "\(long.utf8.count) bytes",
        hint: "shorten the output's `path`, or the value of a parameter in it"))
    return false
  }

  private mutating func claim(
    _ file: String, for output: ValidatedGraph.ResolvedOutput
  ) -> Bool {
    var folder = folderName(of: file)
    var other = owners[file]
    while other == nil, folder != "." {
      if let owner = owners[folder], !owner.isFolder { other = owner }
      if owners[folder] == nil { owners[folder] = (output, true) }
      folder = folderName(of: folder)
    }
    owners[file] = (output, false)
    guard let other else { return true }
    let start = place(of: other.output).start
    collector.error(
      .duplicateKey,
      "outputs `\(other.output.name)` and `\(output.name)` would be written to the same file",
      at: place(of: output),
      .init(
        got: quoted(file),
        hint: "`\(other.output.name)` stands at line \(start.line), column \(start.column); "
          + "give one of them another `path`"))
    return false
  }

  private func place(of output: ValidatedGraph.ResolvedOutput) -> SourceRange {
    declarations.first { $0.name.text == output.name }?.path?.range ?? output.range
  }
}
