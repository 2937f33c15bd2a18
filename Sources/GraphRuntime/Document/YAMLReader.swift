import ResgraphFiles

/// Reads one YAML document into a tree of located nodes, under limits.
///
/// It follows YAML 1.2's core schema. Duplicate keys, custom tags, merge keys, tabs and further
/// documents are errors; anchors and aliases work.
struct YAMLReader {
  private let events: YAMLEventStream
  private let file: String
  private let text: String
  private let limits: YAMLLimits
  private var collector = DiagnosticCollector()
  private var anchors: [String: Measured] = [:]
  private var openAnchors: Set<String> = []
  private var scalarOffsets: [Range<Int>] = []
  private var nodeCount = 0
  private var scalarBytes = 0

  /// A finished node, with its share of the limits.
  private struct Measured {
    let node: YAMLNode
    let nodeCount: Int
    let scalarBytes: Int
    let depth: Int
  }

  /// Reads a document.
  ///
  /// - Parameters:
  ///   - text: A text that `TextCheck` has passed.
  ///   - file: What messages call it.
  ///   - limits: How large the document may be.
  /// - Returns: The root (nil when it cannot be read) and what is wrong.
  static func read(
    _ text: String, file: String, limits: YAMLLimits
  ) -> (root: YAMLNode?, found: [Diagnostic]) {
    do {
      var reader = try YAMLReader(text, file: file, limits: limits)
      let root = try reader.document()
      return (root, reader.collector.found)
    } catch let fatal as FatalDiagnostic {
      return (nil, [fatal.diagnostic])
    } catch {
      preconditionFailure("the YAML reader throws nothing else: \(error)")
    }
  }

  private init(_ text: String, file: String, limits: YAMLLimits) throws {
    events = try YAMLEventStream(text, file: file)
    self.text = text
    self.file = file
    self.limits = limits
  }

  private mutating func document() throws -> YAMLNode {
    _ = try events.next()
    let start = try events.next()
    guard case .documentStart = start.kind else {
      throw FatalDiagnostic(.missingKey, "the file is empty", at: start.range)
    }
    let first = try events.next()
    var isFlow = false
    if case .mappingStart(let flow) = first.kind { isFlow = flow }
    let root = try node(first, depth: 0).node
    _ = try events.next()
    let after = try events.next()
    if case .documentStart = after.kind {
      collector.error(
        .unsupportedYAML, "a second document in one file", at: after.range,
        .init(hint: "write one graph per file"))
    }
    // Many tools indent JSON with tabs, and YAML's flow style allows them.
    if !isFlow, text.utf8.contains(0x09) {
      collector.add(
        contentsOf: TextCheck.tabs(in: text, outside: scalarOffsets, file: file))
    }
    return root
  }

  private mutating func node(_ event: YAMLEvent, depth: Int) throws -> Measured {
    guard depth < limits.depth else {
      throw FatalDiagnostic(
        .limit, "collections are nested too deeply", at: event.range,
        .init(expected: "at most \(limits.depth) levels"))
    }
    if case .alias = event.kind { return try alias(event, depth: depth) }
    let nodesBefore = nodeCount
    let bytesBefore = scalarBytes
    try count(nodes: 1, bytes: 0, at: event.range)
    if let anchor = event.anchor { openAnchors.insert(anchor) }
    var height = 1
    var result: YAMLNode
    switch event.kind {
    case .scalar(let text, let isPlain):
      scalarOffsets.append(event.offsets)
      try count(nodes: 0, bytes: text.utf8.count, at: event.range)
      let literal = scalar(text, isPlain: isPlain, event)
      result = YAMLNode(
        content: literal.map { .scalar($0, source: text) } ?? .broken, range: event.range)
    case .sequenceStart:
      checkTag(event, core: "seq")
      (result, height) = try sequence(event, depth: depth)
    case .mappingStart:
      checkTag(event, core: "map")
      (result, height) = try mapping(event, depth: depth)
    default: throw FatalDiagnostic(.syntax, "unexpected end of a collection", at: event.range)
    }
    let measured = Measured(
      node: result, nodeCount: nodeCount - nodesBefore, scalarBytes: scalarBytes - bytesBefore,
      depth: height)
    if let anchor = event.anchor {
      openAnchors.remove(anchor)
      anchors[anchor] = measured
    }
    return measured
  }

  private mutating func alias(_ event: YAMLEvent, depth: Int) throws -> Measured {
    let name = event.anchor ?? ""
    guard let target = anchors[name], !openAnchors.contains(name) else {
      let isOpen = openAnchors.contains(name)
      throw FatalDiagnostic(
        .syntax,
        isOpen ? "alias `*\(name)` stands inside its own anchor" : "unknown alias `*\(name)`",
        at: event.range, .init(hint: didYouMean(name, among: anchors.keys)))
    }
    try count(nodes: target.nodeCount, bytes: target.scalarBytes, at: event.range)
    guard depth + target.depth <= limits.depth else {
      throw FatalDiagnostic(
        .limit, "collections are nested too deeply", at: event.range,
        .init(expected: "at most \(limits.depth) levels"))
    }
    return target
  }

  private mutating func count(nodes: Int, bytes: Int, at range: SourceRange) throws {
    nodeCount += nodes
    scalarBytes += bytes
    guard nodeCount <= limits.nodeCount, scalarBytes <= limits.scalarByteCount else {
      throw FatalDiagnostic(
        .limit, "the document is too large once its aliases are expanded", at: range,
        .init(
          expected: "at most \(limits.nodeCount) values and \(limits.scalarByteCount) bytes of text"
        ))
    }
  }

  private mutating func sequence(_ start: YAMLEvent, depth: Int) throws -> (YAMLNode, Int) {
    var items: [YAMLNode] = []
    var height = 0
    while true {
      let event = try events.next()
      if case .sequenceEnd = event.kind {
        return (YAMLNode(content: .sequence(items), range: span(start, event)), height + 1)
      }
      let item = try node(event, depth: depth + 1)
      items.append(item.node)
      height = max(height, item.depth)
    }
  }

  private mutating func mapping(_ start: YAMLEvent, depth: Int) throws -> (YAMLNode, Int) {
    var entries: [YAMLNode.Entry] = []
    var seen: [String: SourceRange] = [:]
    var height = 0
    while true {
      let event = try events.next()
      if case .mappingEnd = event.kind {
        return (YAMLNode(content: .mapping(entries), range: span(start, event)), height + 1)
      }
      let key = try node(event, depth: depth + 1)
      let value = try node(try events.next(), depth: depth + 1)
      height = max(height, key.depth, value.depth)
      guard let name = keyName(key.node, event) else { continue }
      if let first = seen[name] {
        collector.error(
          .duplicateKey, "key `\(name)` is given twice", at: event.range,
          .init(hint: "the first is in line \(first.start.line)"))
        continue
      }
      seen[name] = event.range
      entries.append(.init(key: name, keyRange: event.range, value: value.node))
    }
  }

  private mutating func keyName(_ key: YAMLNode, _ event: YAMLEvent) -> String? {
    guard case .scalar(_, let text) = key.content else {
      collector.error(
        .wrongType, "a key must be a text", at: event.range, .init(got: key.kindName))
      return nil
    }
    if text == "<<", case .scalar(_, isPlain: true) = event.kind {
      collector.error(
        .unsupportedYAML, "merge keys are not supported", at: event.range,
        .init(hint: "use `defaults:` for values shared by nodes of one type"))
      return nil
    }
    return text
  }

  private mutating func scalar(_ text: String, isPlain: Bool, _ event: YAMLEvent) -> Literal? {
    guard let tag = event.tag else { return resolve(text, isPlain: isPlain, event) }
    let core = "tag:yaml.org,2002:"
    if tag == "!" || tag == core + "str" { return .string(text) }
    guard let plain = resolve(text, isPlain: true, event) else { return nil }
    switch (tag, plain) {
    case (core + "int", .int), (core + "bool", .bool), (core + "null", .null),
      (core + "float", .float):
      return plain
    case (core + "float", .int(let value)): return .float(Double(value))
    case (core + "int", _), (core + "bool", _), (core + "null", _), (core + "float", _):
      collector.error(
        .wrongType, "the value does not fit its tag", at: event.range,
        .init(expected: String(tag.dropFirst(core.count)), got: plain.summary))
    default: unknownTag(tag, event)
    }
    return nil
  }

  private mutating func resolve(_ text: String, isPlain: Bool, _ event: YAMLEvent) -> Literal? {
    guard isPlain else { return .string(text) }
    if let literal = ScalarResolution.resolve(text) { return literal }
    collector.error(
      .outOfRange, "the number is too large", at: event.range,
      .init(hint: "put it in quotes if it is a text"))
    return nil
  }

  private mutating func checkTag(_ event: YAMLEvent, core: String) {
    guard let tag = event.tag, tag != "!", tag != "tag:yaml.org,2002:" + core else { return }
    unknownTag(tag, event)
  }

  private mutating func unknownTag(_ tag: String, _ event: YAMLEvent) {
    collector.error(
      .unsupportedYAML, "tag `\(tag)` is not supported", at: event.range,
      .init(hint: "leave the tag out"))
  }

  private func span(_ start: YAMLEvent, _ end: YAMLEvent) -> SourceRange {
    SourceRange(file: file, start: start.range.start, end: end.range.end)
  }
}
