import ResgraphFiles

/// What decided a node's result in a run, in words: to say later what has changed.
struct KeyTrace: Sendable, Equatable {
  var type: String
  var version: Int
  var numericMode: String
  var params: [String: String]
  /// What came into the ports: literals, or keys of the nodes from which values came.
  var inputs: [String: String]
  /// Digests of files.
  var contents: [String]

  /// Why a node with these parts has no result yet, compared with the last one of the same name.
  func reason(since last: KeyTrace?) -> RunReason {
    guard let last, last.type == type else { return .notCached }
    if last.version != version { return .versionChanged }
    if last.numericMode != numericMode { return .numericModeChanged }
    let changed = Self.changes(params, last.params)
    if !changed.isEmpty { return .paramChanged(changed) }
    if last.contents != contents { return .fileChanged }
    let inputsChanged = Self.changes(inputs, last.inputs)
    return inputsChanged.isEmpty ? .notCached : .inputChanged(inputsChanged)
  }

  /// The names whose values differ.
  static func changes(_ new: [String: String], _ old: [String: String]) -> [String] {
    Set(new.keys).union(old.keys).filter { new[$0] != old[$0] }.sorted()
  }
}

extension KeyTrace {
  /// Longer values are kept by their digest.
  private static let longest = 1 << 12

  /// The trace for a file.
  var json: JSONValue {
    func texts(_ values: [String: String]) -> JSONValue {
      .object(
        values.mapValues { text in
          .string(text.utf8.count <= Self.longest ? text : "digest " + Digest.fields([text]))
        })
    }
    return [
      "type": .string(type), "version": .integer(version), "mode": .string(numericMode),
      "params": texts(params), "inputs": texts(inputs),
      "contents": .array(contents.map { .string($0) }),
    ]
  }

  /// Reads what `json` wrote; nil for anything else.
  init?(_ json: JSONValue) {
    guard let type = json.string("type"), let version = json.int("version"),
      let mode = json.string("mode"), let contents = json.strings("contents"),
      let params = json["params"]?.objectValue?.compactMapValues(\.stringValue),
      let inputs = json["inputs"]?.objectValue?.compactMapValues(\.stringValue)
    else { return nil }
    self.init(
      type: type, version: version, numericMode: mode, params: params, inputs: inputs,
      contents: contents)
  }
}
