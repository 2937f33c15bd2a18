import ResgraphWeights
import TensorRuntime

/// Reads a model's `config.json` with the defaults of diffusers: a member that is absent or null
/// has its default, one of another type or outside its range is an error that names it.
struct ConfigReader {
  let model: String
  let json: JSONValue
  /// What a flag means that is null; nil for its default.
  private let nullFlag: Bool?
  /// The error about a member, by its name and a reason.
  private let makeInvalid: @Sendable (String, String) -> any Error

  /// No dimension of a real model comes near it; it keeps products of dimensions from overflowing.
  static let largestDimension = 1 << 20

  /// Reads a model's configuration.
  ///
  /// - Throws: `ModelError.invalidOption` when it is no object.
  init(_ json: JSONValue, model: String) throws {
    self.init(json, model: model, nullFlag: nil) {
      ModelError.invalidOption(model: model, option: $0, reason: $1)
    }
    if json.objectValue == nil { throw invalid("config.json", "is not a JSON object") }
  }

  /// Reads another configuration, with errors of its own.
  init(
    _ json: JSONValue, model: String, nullFlag: Bool?,
    invalid: @escaping @Sendable (String, String) -> any Error
  ) {
    self.model = model
    self.json = json
    self.nullFlag = nullFlag
    makeInvalid = invalid
  }

  func invalid(_ option: String, _ reason: String) -> any Error { makeInvalid(option, reason) }

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

  /// One number per level: a list of that length, or one number for all.
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
    guard let numbers = try doubles(option) else { return nil }
    guard numbers.allSatisfy(\.isFinite) else { throw invalid(option, "has infinite numbers") }
    return numbers.map { Float($0) }
  }

  func doubles(_ option: String) throws -> [Double]? {
    guard let value = value(option) else { return nil }
    guard let numbers = json.doubles(option) else {
      throw invalid(option, "expected a list of numbers, found \(text(of: value))")
    }
    return numbers
  }

  func double(_ option: String, default fallback: Double) throws -> Double {
    try optionalDouble(option) ?? fallback
  }

  /// A number that may be infinite, which some versions of Python write as text.
  func optionalDouble(_ option: String) throws -> Double? {
    guard let value = value(option) else { return nil }
    let number = value.stringValue.flatMap { Double($0) } ?? value.doubleValue
    guard let number, !number.isNaN else {
      throw invalid(option, "expected a number, found \(text(of: value))")
    }
    return number
  }

  func int(_ option: String, default fallback: Int, in range: ClosedRange<Int>) throws -> Int {
    guard let value = value(option) else { return fallback }
    guard let number = value.intValue, range.contains(number) else {
      throw invalid(
        option,
        "expected a whole number from \(range.lowerBound) to \(range.upperBound), "
          + "found \(text(of: value))")
    }
    return number
  }

  func ints(_ option: String) throws -> [Int] {
    guard let value = value(option) else { return [] }
    guard let list = value.arrayValue, case let numbers = list.compactMap(\.intValue),
      numbers.count == list.count
    else { throw invalid(option, "expected a list of whole numbers, found \(text(of: value))") }
    return numbers
  }

  func flag(_ option: String, default fallback: Bool) throws -> Bool {
    guard let value = value(option) else {
      return json[option]?.isNull == true ? nullFlag ?? fallback : fallback
    }
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

  func string(_ option: String, default fallback: String) throws -> String {
    try string(option) ?? fallback
  }

  /// One of an enumeration's words, or of other words for its cases.
  func choice<T: RawRepresentable & CaseIterable>(
    _ option: String, default fallback: T, named aliases: [String: T] = [:]
  ) throws -> T where T.RawValue == String {
    let text = try string(option, default: fallback.rawValue)
    guard let choice = T(rawValue: text) ?? aliases[text] else {
      let known = T.allCases.map(\.rawValue).joined(separator: ", ")
      throw invalid(option, "\"\(text)\" is not one of \(known)")
    }
    return choice
  }

  func strings(_ option: String, default fallback: [String]) throws -> [String] {
    guard let value = value(option) else { return fallback }
    guard let list = json.strings(option), 1...16 ~= list.count else {
      throw invalid(option, "expected a list of 1 to 16 names, found \(text(of: value))")
    }
    return list
  }

  /// Refuses any value but the given ones; absence is always fine.
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

  /// A short form for messages.
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
