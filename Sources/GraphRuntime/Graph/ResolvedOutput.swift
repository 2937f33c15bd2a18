extension ValidatedGraph {
  /// An output of a graph.
  public struct ResolvedOutput: Sendable {
    /// Its name.
    public let name: String
    /// The node that makes it.
    public let node: String
    /// The node's output port.
    public let port: String
    /// The port type's name.
    public let typeName: String
    /// The file name pattern, if one is given.
    public let pattern: OutputPattern?
    /// The ending of its files without the dot; nil where outputs are not written.
    public let ending: String?
    /// Where it is written in the graph.
    public let range: SourceRange

    /// The names of the files that the output is written to.
    ///
    /// The type's ending is appended where the name does not have it. Where the pattern gives
    /// several pictures of a batch one name, their numbers are appended: `poster-0.png`,
    /// `poster-1.png`.
    ///
    /// - Parameters:
    ///   - params: The parameters' values by name.
    ///   - count: How many files there are.
    /// - Returns: As many relative paths.
    public func fileNames(params: [String: Literal], count: Int = 1) -> [String] {
      let paths = (0..<count).map { index in
        let path = pattern?.expanded(params: params, index: index) ?? name
        return path.isEmpty ? name : path
      }
      let needsNumbers = Set(paths).count < count
      return paths.enumerated().map { index, path in
        let (stem, suffix) = split(path)
        return needsNumbers ? "\(stem)-\(index)\(suffix)" : stem + suffix
      }
    }

    /// A path without the type's ending, and the ending with its dot.
    private func split(_ path: String) -> (stem: Substring, suffix: String) {
      guard let ending else { return (path[...], "") }
      let suffix = ".\(ending)"
      guard path.lowercased().hasSuffix(suffix) else { return (path[...], suffix) }
      return (path.dropLast(suffix.count), String(path.suffix(suffix.count)))
    }
  }
}
