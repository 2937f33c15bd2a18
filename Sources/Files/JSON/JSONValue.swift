/// A JSON document in memory.
///
/// Integers that fit 64 bits keep their exact value; every other number is a double. `integer(3)`
/// and `number(3)` are equal, and the getters accept both.
public enum JSONValue: Sendable {
  /// Members by name; names are unique.
  case object([String: JSONValue])
  /// Elements in order.
  case array([JSONValue])
  /// Text.
  case string(String)
  /// A number written without fraction and exponent that fits 64 bits.
  case integer(Int)
  /// Any other number.
  case number(Double)
  /// `true` or `false`.
  case bool(Bool)
  /// `null`.
  case null
}

extension JSONValue: Equatable {
  /// Compares by value: `integer(3) == number(3)`, and object order does not count.
  public static func == (left: JSONValue, right: JSONValue) -> Bool {
    switch (left, right) {
    case (.object(let a), .object(let b)): a == b
    case (.array(let a), .array(let b)): a == b
    case (.string(let a), .string(let b)): a == b
    case (.integer(let a), .integer(let b)): a == b
    case (.number(let a), .number(let b)): a == b
    case (.integer(let a), .number(let b)), (.number(let b), .integer(let a)):
      Int(exactly: b) == a
    case (.bool(let a), .bool(let b)): a == b
    case (.null, .null): true
    default: false
    }
  }
}

extension JSONValue:
  ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral,
  ExpressibleByBooleanLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral,
  ExpressibleByNilLiteral
{
  /// Makes a string.
  public init(stringLiteral value: String) { self = .string(value) }
  /// Makes an integer.
  public init(integerLiteral value: Int) { self = .integer(value) }
  /// Makes a number.
  public init(floatLiteral value: Double) { self = .number(value) }
  /// Makes a boolean.
  public init(booleanLiteral value: Bool) { self = .bool(value) }
  /// Makes an array.
  public init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
  /// Makes an object; of equal names the last wins.
  public init(dictionaryLiteral elements: (String, JSONValue)...) {
    self = .object(Dictionary(elements, uniquingKeysWith: { $1 }))
  }
  /// Makes `null`.
  public init(nilLiteral: ()) { self = .null }
}

/// Typed access. The member getters return nil when the member is absent, null or of another type.
extension JSONValue {
  /// The member of an object, or nil when there is none or this is no object.
  public subscript(_ name: String) -> JSONValue? {
    if case .object(let members) = self { return members[name] }
    return nil
  }
  /// The members of an object.
  public var objectValue: [String: JSONValue]? {
    if case .object(let members) = self { return members }
    return nil
  }
  /// The elements of an array.
  public var arrayValue: [JSONValue]? {
    if case .array(let elements) = self { return elements }
    return nil
  }
  /// The text of a string.
  public var stringValue: String? {
    if case .string(let text) = self { return text }
    return nil
  }
  /// The value of an integer, or of a number without fraction that fits.
  public var intValue: Int? {
    switch self {
    case .integer(let value): value
    case .number(let value): Int(exactly: value)
    default: nil
    }
  }
  /// The value of any number.
  public var doubleValue: Double? {
    switch self {
    case .integer(let value): Double(value)
    case .number(let value): value
    default: nil
    }
  }
  /// The value of a boolean.
  public var boolValue: Bool? {
    if case .bool(let value) = self { return value }
    return nil
  }
  /// Whether this is `null`.
  public var isNull: Bool {
    if case .null = self { return true }
    return false
  }
  /// An integer member.
  public func int(_ name: String) -> Int? { self[name]?.intValue }
  /// A numeric member.
  public func double(_ name: String) -> Double? { self[name]?.doubleValue }
  /// A boolean member.
  public func bool(_ name: String) -> Bool? { self[name]?.boolValue }
  /// A string member.
  public func string(_ name: String) -> String? { self[name]?.stringValue }
  /// A member that is an array of integers only.
  public func ints(_ name: String) -> [Int]? { all(name) { $0.intValue } }
  /// A member that is an array of numbers only.
  public func doubles(_ name: String) -> [Double]? { all(name) { $0.doubleValue } }
  /// A member that is an array of strings only.
  public func strings(_ name: String) -> [String]? { all(name) { $0.stringValue } }
  /// A member that is an array of booleans only.
  public func bools(_ name: String) -> [Bool]? { all(name) { $0.boolValue } }

  /// The elements of an array member, all of one type, or nil.
  private func all<Element>(_ name: String, _ get: (JSONValue) -> Element?) -> [Element]? {
    guard let elements = self[name]?.arrayValue else { return nil }
    let values = elements.compactMap(get)
    return values.count == elements.count ? values : nil
  }
}
