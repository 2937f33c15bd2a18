import ResgraphFiles

/// A YAML or JSON file that is not a graph, such as another program's configuration.
public struct ConfigFile: Sendable {
  /// The document's root.
  public let root: YAMLNode
  /// The text, for messages.
  public let source: SourceText

  /// Reads a file under the limits of graph files.
  ///
  /// - Parameter path: The file.
  /// - Throws: `FileError` when it cannot be read, `Diagnostics` when it is not YAML or JSON.
  public init(path: String) throws {
    let bytes = try FileReader.bytes(path, limit: YAMLLimits().byteCount, rule: .regularOrPipe)
    let text = DocumentText.read(bytes, file: path)
    guard let root = text.root, !text.found.contains(where: { $0.severity == .error }) else {
      throw Diagnostics(text.found, sources: [text.source])
    }
    self.root = root
    source = text.source
  }
}
