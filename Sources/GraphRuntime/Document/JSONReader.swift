import ResgraphFiles

/// Reads strict JSON into the same tree as YAML.
///
/// libyaml reads most JSON, but refuses surrogate pairs in `\u` escapes, which every JSON writer
/// uses for emoji.
enum JSONReader {
  /// Reads a document.
  ///
  /// - Parameters:
  ///   - text: A text that `TextCheck` has passed.
  ///   - file: What messages call it.
  ///   - limits: How large the document may be.
  /// - Returns: The root (nil when it is not JSON) and what is wrong.
  static func read(
    _ text: String, file: String, limits: YAMLLimits
  ) -> (root: YAMLNode?, found: [Diagnostic]) {
    let accepted = JSONLimits(
      depth: limits.depth, byteCount: limits.byteCount, values: limits.nodeCount,
      roundsLargeIntegers: false, acceptsNonFinite: false)
    return Array(text.utf8).withUnsafeBytes { bytes in
      var parser = JSONParser(
        bytes, limits: accepted, builder: YAMLNodeBuilder(text, file: file))
      do throws(JSONError) {
        let root = try parser.document()
        return (root, parser.builder.collector.found)
      } catch {
        return (nil, [diagnostic(error, text, file: file, limits: limits)])
      }
    }
  }

  private static func diagnostic(
    _ error: JSONError, _ text: String, file: String, limits: YAMLLimits
  ) -> Diagnostic {
    var builder = YAMLNodeBuilder(text, file: file)
    let range = SourceRange(file: file, start: builder.place(error.offset))
    guard error.isTooDeep else {
      return Diagnostic(.syntax, "not JSON: \(error.reason)", at: range)
    }
    return Diagnostic(
      .limit, "collections are nested too deeply", at: range,
      .init(expected: "at most \(limits.depth) levels"))
  }
}

/// Makes the document tree of a JSON text.
private struct YAMLNodeBuilder: JSONBuilder {
  /// Names that are given twice.
  private(set) var collector = DiagnosticCollector()
  private let file: String
  private var scalars: String.UnicodeScalarView.Iterator
  private var offset = 0
  private var cursor = Cursor()

  struct Members {
    var entries: [YAMLNode.Entry] = []
    var names: Set<String> = []
  }

  init(_ text: String, file: String) {
    self.file = file
    scalars = text.unicodeScalars.makeIterator()
  }

  mutating func place(_ offset: Int) -> SourcePosition {
    while self.offset < offset, let scalar = scalars.next() {
      cursor.advance(over: scalar)
      self.offset += UTF8.width(scalar)
    }
    return cursor.position
  }

  func scalar(
    _ scalar: JSONScalar, from start: SourcePosition, to end: SourcePosition
  ) throws(JSONError) -> YAMLNode {
    switch scalar {
    case .string(let text): return node(.scalar(.string(text), source: text), start, end)
    case .null: return node(.scalar(.null, source: "null"), start, end)
    case .bool(let value):
      return node(.scalar(.bool(value), source: value ? "true" : "false"), start, end)
    case .nonFinite(let value): return node(.scalar(.float(value), source: "\(value)"), start, end)
    case .number(let text, _, let offset):
      guard let literal = ScalarResolution.resolve(text) else {
        throw JSONError(offset: offset, reason: "number too large")
      }
      return node(.scalar(literal, source: text), start, end)
    }
  }

  func array(
    _ elements: [YAMLNode], from start: SourcePosition, to end: SourcePosition
  ) -> YAMLNode {
    node(.sequence(elements), start, end)
  }

  func members() -> Members { Members() }

  mutating func add(
    _ value: YAMLNode, named name: String, from start: SourcePosition, to end: SourcePosition,
    to members: inout Members
  ) throws(JSONError) {
    let range = SourceRange(file: file, start: start, end: end)
    if members.names.insert(name).inserted {
      members.entries.append(.init(key: name, keyRange: range, value: value))
    } else {
      collector.error(.duplicateKey, "key `\(name)` is given twice", at: range)
    }
  }

  func object(
    _ members: Members, from start: SourcePosition, to end: SourcePosition
  ) -> YAMLNode {
    node(.mapping(members.entries), start, end)
  }

  private func node(
    _ content: YAMLNode.Content, _ start: SourcePosition, _ end: SourcePosition
  ) -> YAMLNode {
    YAMLNode(content: content, range: SourceRange(file: file, start: start, end: end))
  }
}
