import ResgraphFiles

/// Gives ports the values of the command line, as if the graph file said so.
struct PortOverrides {
  private(set) var document: GraphDocument
  private(set) var collector = DiagnosticCollector()
  private let catalog: NodeCatalog

  init(_ document: GraphDocument, catalog: NodeCatalog) {
    self.document = document
    self.catalog = catalog
  }

  /// Replaces the value of a port; whether the port exists is for the resolver of nodes to say.
  ///
  /// - Parameter assignment: A name of the form `nodes.NODE.PORT`, and the value's text.
  mutating func add(_ assignment: CommandLineText.Assignment) {
    let parts = assignment.name.split(separator: ".", omittingEmptySubsequences: false)
      .map(String.init)
    guard parts.count == 3, parts.allSatisfy({ !$0.isEmpty }) else {
      collector.error(
        .syntax, "\(quoted(assignment.name)) does not name a port", at: assignment.nameRange,
        .init(expected: "`nodes.NODE.PORT`", status: .usage))
      return
    }
    let ids = document.nodes.map(\.id.text)
    guard let index = ids.firstIndex(of: parts[1]) else {
      collector.error(
        .unknownReference, "the graph has no node `\(parts[1])`", at: assignment.nameRange,
        .init(hint: didYouMean(parts[1], among: ids)))
      return
    }
    let type = document.nodes[index].type.text
    guard let value = value(of: assignment, port: parts[2], type: type) else { return }
    let expression = Expression.read(value, into: &collector)
      .map { $0.moved(to: assignment.valueRange, folder: ".") }
    let name = GraphDocument.Name(text: parts[2], range: assignment.nameRange)
    document.nodes[index].ports.removeAll { $0.name.text == parts[2] }
    document.nodes[index].ports.append(.init(name: name, value: expression))
    document.root.set(["nodes", parts[1], parts[2]], to: value, keyRange: assignment.nameRange)
  }

  /// The value as the graph file would hold it.
  ///
  /// A port of texts takes the text as it is. Others take what a graph file could say on one line:
  /// a number, a word, a reference, or a list in brackets.
  private mutating func value(
    of assignment: CommandLineText.Assignment, port: String, type: String
  ) -> YAMLNode? {
    let text = assignment.value
    let range = assignment.valueRange
    let kind = catalog.schema(named: type)?.params.first { $0.name == port }?.kind
    if kind?.isText != true, text.hasPrefix("[") {
      let list = YAMLReader.read(text, file: range.file, limits: YAMLLimits())
      if let root = list.root, list.found.isEmpty { return root }
      collector.error(
        .syntax, "the value of port `\(port)` is not a list", at: range,
        .init(expected: "`[a, b]`", got: quoted(text)))
      return nil
    }
    let literal = kind?.isText == true ? .string(text) : ScalarResolution.resolve(text)
    return YAMLNode(content: .scalar(literal ?? .string(text), source: text), range: range)
  }
}

extension ParamKind {
  /// Whether every text is a value of this kind.
  fileprivate var isText: Bool { self == .string || self == .path || self == .outputPath }
}

extension YAMLNode {
  /// Replaces the value at the end of a path of keys, or adds it; keys before the last must exist.
  fileprivate mutating func set(_ path: [String], to value: YAMLNode, keyRange: SourceRange) {
    guard case .mapping(var entries) = content, let key = path.first else { return }
    let index = entries.firstIndex { $0.key == key }
    if path.count == 1 {
      entries.removeAll { $0.key == key }
      entries.insert(
        Entry(key: key, keyRange: keyRange, value: value), at: index ?? entries.endIndex)
    } else if let index {
      entries[index].value.set(Array(path.dropFirst()), to: value, keyRange: keyRange)
    }
    content = .mapping(entries)
  }
}
