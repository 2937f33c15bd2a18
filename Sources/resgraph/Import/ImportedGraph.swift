import GraphRuntime

/// A graph made from another program's configuration.
struct ImportedGraph: Sendable {
  /// The graph file's text.
  let text: String
  /// Warnings about keys that were not translated, and about differences.
  let warnings: Diagnostics

  /// Translates a configuration of the ResAdapter authors' runner.
  ///
  /// - Parameters:
  ///   - path: The configuration file.
  ///   - folders: Where pictures whose size is wanted are looked for.
  /// - Throws: `FileError` when it cannot be read, `Diagnostics` with everything that is wrong in
  ///   it.
  init(path: String, folders: [String]) throws {
    let file = try ConfigFile(path: path)
    let (config, warnings) = try ResAdapterConfig.read(file, folders: folders)
    text = ResAdapterGraph.text(config, file: path)
    self.warnings = warnings
  }
}
