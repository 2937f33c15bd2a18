import CYAML

/// One event of libyaml's parser, with its strings copied out.
struct YAMLEvent {
  enum Kind {
    case streamStart
    case streamEnd
    case documentStart
    case documentEnd
    case alias
    case scalar(text: String, isPlain: Bool)
    case sequenceStart(isFlow: Bool)
    case sequenceEnd
    case mappingStart(isFlow: Bool)
    case mappingEnd
  }

  var kind: Kind
  var anchor: String?
  var tag: String?
  var range: SourceRange
  /// The stretch in characters from the start of the text.
  var offsets: Range<Int>
}

/// Pulls events out of libyaml's parser, one at a time.
///
/// The parser keeps a pointer to its own state and to the text, so both stay at fixed addresses for
/// the life of this object.
final class YAMLEventStream {
  private let parser: UnsafeMutablePointer<yaml_parser_t>
  private let input: UnsafeMutableBufferPointer<UInt8>
  private let file: String

  /// Starts on a text that `TextCheck` has passed.
  init(_ text: String, file: String) throws {
    self.file = file
    parser = .allocate(capacity: 1)
    let bytes = Array(text.utf8)
    input = .allocate(capacity: bytes.count)
    _ = input.initialize(from: bytes)
    guard yaml_parser_initialize(parser) == 1 else {
      // deinit deletes the parser; a zeroed one is safe to delete.
      parser.initialize(to: yaml_parser_t())
      throw FatalDiagnostic(
        .limit, "out of memory", at: SourceRange(file: file, start: .init(line: 1, column: 1)))
    }
    yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
    yaml_parser_set_input_string(parser, input.baseAddress, input.count)
  }

  deinit {
    yaml_parser_delete(parser)
    parser.deallocate()
    input.deallocate()
  }

  /// The next event.
  func next() throws -> YAMLEvent {
    var event = yaml_event_t()
    guard yaml_parser_parse(parser, &event) == 1 else { throw syntaxError() }
    defer { yaml_event_delete(&event) }
    let range = SourceRange(
      file: file, start: position(event.start_mark), end: position(event.end_mark))
    let offsets = event.start_mark.index..<max(event.start_mark.index, event.end_mark.index)
    var result = YAMLEvent(kind: .streamEnd, range: range, offsets: offsets)
    switch event.type {
    case YAML_STREAM_START_EVENT: result.kind = .streamStart
    case YAML_DOCUMENT_START_EVENT: result.kind = .documentStart
    case YAML_DOCUMENT_END_EVENT: result.kind = .documentEnd
    case YAML_ALIAS_EVENT:
      result.kind = .alias
      result.anchor = string(event.data.alias.anchor)
    case YAML_SCALAR_EVENT:
      let scalar = event.data.scalar
      let bytes = UnsafeBufferPointer(start: scalar.value, count: scalar.length)
      result.kind = .scalar(
        text: String(decoding: bytes, as: UTF8.self),
        isPlain: scalar.style == YAML_PLAIN_SCALAR_STYLE)
      result.anchor = string(scalar.anchor)
      result.tag = string(scalar.tag)
    case YAML_SEQUENCE_START_EVENT:
      let start = event.data.sequence_start
      result.kind = .sequenceStart(isFlow: start.style == YAML_FLOW_SEQUENCE_STYLE)
      result.anchor = string(start.anchor)
      result.tag = string(start.tag)
    case YAML_SEQUENCE_END_EVENT: result.kind = .sequenceEnd
    case YAML_MAPPING_START_EVENT:
      let start = event.data.mapping_start
      result.kind = .mappingStart(isFlow: start.style == YAML_FLOW_MAPPING_STYLE)
      result.anchor = string(start.anchor)
      result.tag = string(start.tag)
    case YAML_MAPPING_END_EVENT: result.kind = .mappingEnd
    default: result.kind = .streamEnd
    }
    return result
  }

  private func position(_ mark: yaml_mark_t) -> SourcePosition {
    SourcePosition(line: mark.line + 1, column: mark.column + 1)
  }

  private func string(_ pointer: UnsafeMutablePointer<yaml_char_t>?) -> String? {
    guard let pointer else { return nil }
    var count = 0
    while pointer[count] != 0 { count += 1 }
    return String(decoding: UnsafeBufferPointer(start: pointer, count: count), as: UTF8.self)
  }

  private func syntaxError() -> FatalDiagnostic {
    let state = parser.pointee
    let range = SourceRange(file: file, start: position(state.problem_mark))
    if state.error == YAML_MEMORY_ERROR {
      return FatalDiagnostic(.limit, "out of memory", at: range)
    }
    let problem = state.problem.map { String(cString: $0) } ?? "not YAML"
    let context = state.context.map { String(cString: $0) }
    let next = character(at: state.problem_mark.index)
    var hint: String?
    if next == "\t" { hint = "tabs are not allowed here; use spaces" }
    if next == "@" || next == "`" || next == "%" { hint = "put the text in quotes" }
    if problem.contains("mapping values are not allowed") {
      hint = "put a text that has `: ` in it in quotes, or check the indentation"
    }
    if problem.contains("did not find expected key") { hint = "check the indentation" }
    let message = context.map { "\(problem) (\($0))" } ?? problem
    return FatalDiagnostic(.syntax, message, at: range, .init(hint: hint))
  }

  private func character(at offset: Int) -> Unicode.Scalar? {
    let scalars = String(decoding: input, as: UTF8.self).unicodeScalars
    return scalars.dropFirst(offset).first
  }
}
