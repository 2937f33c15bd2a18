/// Turns the nested dictionaries of a pickle into tensors with dotted names.
struct PickleFlattener {
  static let maximumDepth = 32
  /// The most dictionary items that are visited.
  ///
  /// A small pickle can refer to one dictionary very often.
  static let maximumItems = 1_000_000

  let document: PickleDocument
  var tensors: [String: PickleTensor] = [:]
  var opaque: [String: String] = [:]
  var scalars: [String: JSONValue] = [:]
  private var itemCount = 0

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
      let name: String
      switch key {
      case .string(let text): name = prefix + text
      case .int(let number): name = prefix + String(number)
      default: continue
      }
      try record(name, value, depth: depth)
    }
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
