import ResgraphFiles

// Paths as the resolved document holds them, so that it finds the files of this run again.
extension ValidatedGraph {
  /// A path as it must stand in the graph file to name the file that this run reads.
  ///
  /// A path that was written elsewhere, on the command line say, is made relative to the graph's
  /// folder, so that both can be moved together. Only what was found in a model folder with an
  /// absolute path becomes absolute.
  ///
  /// - Parameters:
  ///   - path: The path as written.
  ///   - origin: Where it was written.
  /// - Returns: The path for the graph file.
  package func recordedPath(_ path: String, from origin: ValueOrigin) -> String {
    let files = environment.files.seen(from: origin.folder)
    guard !path.hasPrefix("/"),
      let found = files.find(path) ?? origin.folder.map({ joinPath($0, path) }),
      found != joinPath(folder, path)
    else { return path }
    let isModel = !files.searchFolders.contains { joinPath($0, path) == found }
    if isModel, found.hasPrefix("/") { return found }
    return relativePath(from: realFolder(folder), to: pathWithoutLinkedFolders(found))
  }

  /// The parameters' values by name, with paths as the graph file must hold them.
  var recordedParams: [String: Literal] {
    Dictionary(
      params.map { param in
        guard param.kind == .path, case .string(let path) = param.value else {
          return (param.name, param.value)
        }
        return (param.name, .string(recordedPath(path, from: param.origin)))
      }, uniquingKeysWith: { first, _ in first })
  }

  /// Rewrites the paths of a node that the graph file would not find as they are written.
  ///
  /// - Parameters:
  ///   - node: The node.
  ///   - written: The values of its ports as written, those of the node before the defaults.
  ///   - params: The parameters as the graph file will hold them.
  /// - Returns: The ports with the paths that the graph file must hold.
  func movedPaths(
    of node: ResolvedNode, written: [GraphDocument.PortAssignment], params: [String: Literal]
  ) -> [(port: String, value: Literal)] {
    node.schema.params.filter { $0.kind == .path }.compactMap { param in
      guard case .literal(.string(let path), let origin)? = node.bindings[param.name],
        let value = written.first(where: { $0.name.text == param.name })?.value
      else { return nil }
      let wanted = recordedPath(path, from: origin)
      if value.text(params: params) == wanted { return nil }
      // A single dollar sign would begin a reference.
      let text = wanted.map { $0 == "$" ? "$$" : String($0) }.joined()
      return (param.name, .string(text))
    }
  }
}

extension Expression {
  /// The text that the value gives, nil when it is no text or comes from a node.
  fileprivate func text(params: [String: Literal]) -> String? {
    switch form {
    case .literal(.string(let text)): text
    case .param(let name): params[name].map(\.interpolated)
    case .text(let pieces):
      pieces.map { piece in
        switch piece {
        case .text(let text): text
        case .param(let name): params[name].map(\.interpolated) ?? ""
        }
      }.joined()
    case .literal, .node, .list: nil
    }
  }
}
