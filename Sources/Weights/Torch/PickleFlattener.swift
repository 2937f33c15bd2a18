import ResgraphFiles

/// Turns the nested dictionaries of a pickle into tensors with dotted names.
struct PickleFlattener {
  static let maximumDepth = 32
  /// The most dictionary items that are visited.
  ///
  /// A small pickle can refer to one dictionary very often.
  static let maximumItems = 1_000_000
  /// Most bytes of all full names: every name repeats the names of the dictionaries around it.
  static let maximumNameBytes = 16 << 20

  let document: PickleDocument
  var tensors: [String: PickleTensor] = [:]
  var opaque: [String: String] = [:]
  var scalars: [String: JSONValue] = [:]
  private var itemCount = 0
  private var nameBytes = 0

  init(document: PickleDocument) { self.document = document }

  mutating func run() throws(PickleFault) {
    guard case .dictionary(var index) = document.root else {
      if case .opaque(let name) = document.root {
        throw fail("its content is an object of '\(name)', not a dictionary of tensors")
      }
      throw fail("its content is not a dictionary of tensors")
    }
    for _ in 0..<Self.maximumDepth {
      guard let inner = innerStateDictionary(index) else { break }
      for (key, value) in document.dictionaries[index] {
        if case .string(let name) = key { collectScalar(name, value) }
      }
      index = inner
    }
    try visit(index, prefix: "", depth: 0)
  }

  private func fail(_ reason: String) -> PickleFault { PickleFault(offset: 0, reason: reason) }

  private func innerStateDictionary(_ index: Int) -> Int? {
    for (key, value) in document.dictionaries[index] {
      if case .string("state_dict") = key, case .dictionary(let inner) = value { return inner }
    }
    return nil
  }

  private mutating func visit(_ index: Int, prefix: String, depth: Int) throws(PickleFault) {
    guard depth < Self.maximumDepth else {
      throw fail("dictionaries nested deeper than \(Self.maximumDepth) levels")
    }
    for (key, value) in document.dictionaries[index] {
      itemCount += 1
      guard itemCount <= Self.maximumItems else {
        throw fail("more than \(Self.maximumItems) items")
      }
      switch key {
      case .string(let text): try record(full(prefix, text), value, depth: depth)
      case .int(let number): try record(full(prefix, String(number)), value, depth: depth)
      default: continue
      }
    }
  }

  private mutating func full(_ prefix: String, _ name: String) throws(PickleFault) -> String {
    nameBytes += prefix.utf8.count + name.utf8.count
    guard nameBytes <= Self.maximumNameBytes else {
      throw fail("more than \(Self.maximumNameBytes >> 20) MiB of names")
    }
    return prefix + name
  }

  private mutating func record(
    _ name: String, _ value: PickleValue, depth: Int
  ) throws(PickleFault) {
    switch value {
    case .tensor(let tensor):
      guard tensors.updateValue(tensor, forKey: name) == nil else {
        throw fail("two tensors are named '\(name)'")
      }
    case .dictionary(let inner): try visit(inner, prefix: name + ".", depth: depth + 1)
    case .opaque(let reason), .global(let reason): opaque[name] = reason
    default: collectScalar(name, value)
    }
  }

  private mutating func collectScalar(_ name: String, _ value: PickleValue) {
    switch value {
    case .int(let number): scalars[name] = .integer(number)
    case .double(let number): scalars[name] = .number(number)
    case .bool(let flag): scalars[name] = .bool(flag)
    case .string(let text): scalars[name] = .string(text)
    default: break
    }
  }
}
