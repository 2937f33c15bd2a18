import ResgraphWeights
import TensorRuntime

/// Reads a model's `config.json` with the defaults of diffusers.
///
/// A member that is absent or null has its default. One of another type or outside its range is an
/// error that names it.
struct ConfigReader {
  let model: String
  let json: JSONValue

  /// The largest dimension that is accepted.
  ///
  /// Real models are far below it, and products of such dimensions cannot overflow.
  static let largestDimension = 1 << 20

  init(_ json: JSONValue, model: String) throws {
    self.model = model
    self.json = json
    if json.objectValue == nil { throw invalid("config.json", "is not a JSON object") }
  }

  func invalid(_ option: String, _ reason: String) -> ModelError {
    .invalidOption(model: model, option: option, reason: reason)
  }

  func unsupported(_ option: String, _ value: String, supported: String) -> ModelError {
    .unsupportedOption(model: model, option: option, value: value, supported: supported)
  }

  /// The member, unless it is absent or null.
  func value(_ option: String) -> JSONValue? {
    guard let value = json[option], !value.isNull else { return nil }
    return value
  }

  /// Checks that group normalisations divide every level's channels.
  func checkGroups(_ groups: Int, channels: [Int]) throws {
    for count in channels where count % groups != 0 {
      throw invalid("norm_num_groups", "\(count) channels cannot be split into \(groups) groups")
    }
  }

  func dimension(_ option: String, default fallback: Int) throws -> Int {
    try optionalDimension(option) ?? fallback
  }

  func optionalDimension(_ option: String) throws -> Int? {
    guard let value = value(option) else { return nil }
    return try dimension(value, option)
  }

  func dimension(_ value: JSONValue, _ option: String) throws -> Int {
    guard let number = value.intValue, 1...Self.largestDimension ~= number else {
      throw invalid(option, "expected a positive whole number, found \(text(of: value))")
    }
    return number
  }

  func dimensions(_ option: String, default fallback: [Int]) throws -> [Int] {
    guard let value = value(option) else { return fallback }
    guard let elements = value.arrayValue, 1...16 ~= elements.count else {
      throw invalid(option, "expected a list of 1 to 16 numbers, found \(text(of: value))")
    }
    return try elements.map { try dimension($0, option) }
  }

  /// Reads one number per level, from a list of that length or from one number for all.
  func perLevel(_ option: String, levels: Int, default fallback: Int) throws -> [Int] {
    guard let value = value(option) else { return Array(repeating: fallback, count: levels) }
    if value.arrayValue == nil {
      return Array(repeating: try dimension(value, option), count: levels)
    }
    let list = try dimensions(option, default: [])
    guard list.count == levels else {
      throw invalid(option, "has \(list.count) entries for \(levels) levels")
    }
    return list
  }

  func float(_ option: String, default fallback: Float) throws -> Float {
    try optionalFloat(option) ?? fallback
  }

  func optionalFloat(_ option: String) throws -> Float? {
    guard let value = value(option) else { return nil }
    guard let number = value.doubleValue, number.isFinite else {
      throw invalid(option, "expected a number, found \(text(of: value))")
    }
    return Float(number)
  }

  func floats(_ option: String) throws -> [Float]? {
    guard let value = value(option) else { return nil }
    guard let numbers = json.doubles(option), numbers.allSatisfy(\.isFinite) else {
      throw invalid(option, "expected a list of numbers, found \(text(of: value))")
    }
    return numbers.map { Float($0) }
  }

  func flag(_ option: String, default fallback: Bool) throws -> Bool {
    guard let value = value(option) else { return fallback }
    guard let flag = value.boolValue else {
      throw invalid(option, "expected true or false, found \(text(of: value))")
    }
    return flag
  }

  func string(_ option: String) throws -> String? {
    guard let value = value(option) else { return nil }
    guard let text = value.stringValue else {
      throw invalid(option, "expected text, found \(text(of: value))")
    }
    return text
  }

  func strings(_ option: String, default fallback: [String]) throws -> [String] {
    guard let value = value(option) else { return fallback }
    guard let list = json.strings(option), 1...16 ~= list.count else {
      throw invalid(option, "expected a list of 1 to 16 names, found \(text(of: value))")
    }
    return list
  }

  /// Refuses any value but the given ones.
  ///
  /// The member may be absent.
  func require(_ option: String, oneOf accepted: [JSONValue]) throws {
    guard let value = value(option), !accepted.contains(value) else { return }
    let names = (["null"] + accepted.map(text(of:))).joined(separator: ", ")
    throw unsupported(option, text(of: value), supported: names)
  }

  /// The activation named by an option, SiLU by default.
  func activation(_ option: String) throws -> Activation {
    switch try string(option) ?? "silu" {
    case "silu", "swish": return .silu
    case "gelu": return .gelu
    case "relu": return .relu
    case let name: throw unsupported(option, name, supported: "silu, swish, gelu, relu")
    }
  }

  /// A short text for messages.
  func text(of value: JSONValue) -> String {
    switch value {
    case .object: "an object"
    case .array(let elements): "[" + elements.prefix(8).map(text(of:)).joined(separator: ", ") + "]"
    case .string(let text): "\"\(text.prefix(60))\""
    case .integer(let number): "\(number)"
    case .number(let number): "\(number)"
    case .bool(let flag): "\(flag)"
    case .null: "null"
    }
  }
}
