import ResgraphFiles

/// A value that an output port gives and input ports take.
///
/// Types are nominal: an edge joins an output and an input of the same `typeName`. A type that
/// depends on a model family says so through `family`, and messages print `UNet<sd15>`.
/// Values are immutable; a node that changes something returns a new value.
public protocol PortValue: PortElement {
  /// The port type's name, in the language of the field: `Latent`, `UNet`, `Image`.
  static var typeName: String { get }
  /// The model family the value belongs to (`sd15`), nil when it has none.
  var family: String? { get }
  /// The file or folder that the value was opened from, for messages; nil when there is none.
  var sourcePath: String? { get }
  /// The memory the value holds, in bytes; recipes and scalars may leave it at 0.
  var byteCount: Int { get }
  /// Encodes the value for a cache on disk.
  ///
  /// - Returns: The bytes from which `init(encoded:)` makes an equal value.
  /// - Throws: `PortValueError.notStorable` for types that cannot be stored.
  func encoded() throws -> [UInt8]
  /// Makes the value that `encoded()` wrote.
  ///
  /// - Parameter bytes: Bytes from a cache; they may be damaged.
  /// - Throws: Any error when the bytes are not an encoded value; the cache then counts a miss.
  init(encoded bytes: [UInt8]) throws
}

/// Why a port value could not be stored or read back.
public enum PortValueError: Error, Equatable {
  /// The type named has no stored form.
  case notStorable(String)
  /// The bytes are not a value of the type named.
  case damaged(String)
}

extension PortValue {
  /// No family.
  public var family: String? { nil }
  /// No file.
  public var sourcePath: String? { nil }
  /// No memory worth counting.
  public var byteCount: Int { 0 }
  /// Refuses, with `PortValueError.notStorable`.
  public func encoded() throws -> [UInt8] { throw PortValueError.notStorable(Self.typeName) }
  /// Refuses, with `PortValueError.notStorable`.
  public init(encoded bytes: [UInt8]) throws {
    throw PortValueError.notStorable(Self.typeName)
  }
  /// The type with its family, as messages print it: `UNet<sd15>`, `Image`.
  public var fullTypeName: String { PortType(name: Self.typeName, family: family).description }
}

/// A port type with what is known of its family.
public struct PortType: Sendable, Hashable, Codable, CustomStringConvertible {
  /// The nominal type's name.
  public var name: String
  /// The family, nil when there is none or it is not known.
  public var family: String?

  /// Names a type.
  ///
  /// - Parameters:
  ///   - name: The nominal type's name.
  ///   - family: The model family, if any.
  public init(name: String, family: String? = nil) {
    self.name = name
    self.family = family
  }

  /// `Name` or `Name<family>`.
  public var description: String { family.map { "\(name)<\($0)>" } ?? name }
}

/// How many values an input port takes.
public enum Arity: String, Sendable, Codable {
  /// Exactly one.
  case required
  /// One or none.
  case optional
  /// Any number, in order.
  case list
}

/// What may be the Swift type of an `@Input`: a port value, an optional one, or an array of them.
public protocol PortElement: Sendable {
  /// The port value type inside.
  static var valueType: any PortValue.Type { get }
  /// How many values the port takes.
  static var arity: Arity { get }
  /// The value of a port to which nothing is connected; nil when the port is required.
  static var unconnected: Self? { get }
  /// Makes the port's Swift value.
  ///
  /// - Parameter values: The connected values, in order.
  /// - Returns: The Swift value, nil when count or type do not fit.
  static func assemble(_ values: [any PortValue]) -> Self?
}

extension PortValue {
  /// The type itself.
  public static var valueType: any PortValue.Type { Self.self }
  /// Exactly one value.
  public static var arity: Arity { .required }
  /// Nothing: the port must be connected.
  public static var unconnected: Self? { nil }
  /// Takes the one value.
  public static func assemble(_ values: [any PortValue]) -> Self? {
    values.count == 1 ? values[0] as? Self : nil
  }
}

extension Optional: PortElement where Wrapped: PortValue {
  /// The wrapped type.
  public static var valueType: any PortValue.Type { Wrapped.self }
  /// One value or none.
  public static var arity: Arity { .optional }
  /// No value.
  public static var unconnected: Wrapped?? { .some(nil) }
  /// Takes the one value.
  public static func assemble(_ values: [any PortValue]) -> Wrapped?? {
    if values.isEmpty { return .some(nil) }
    return Wrapped.assemble(values).map { .some($0) }
  }
}

extension Array: PortElement where Element: PortValue {
  /// The element type.
  public static var valueType: any PortValue.Type { Element.self }
  /// Any number of values.
  public static var arity: Arity { .list }
  /// The empty list.
  public static var unconnected: [Element]? { [] }
  /// Takes all values.
  public static func assemble(_ values: [any PortValue]) -> [Element]? {
    let elements = values.compactMap { $0 as? Element }
    return elements.count == values.count ? elements : nil
  }
}

/// A port value that is a plain value, so that a parameter may take it.
public protocol ScalarPortValue: PortValue {
  /// The plain value.
  var literal: Literal { get }
}

extension ScalarPortValue where Self: ParamValue {
  /// The value as JSON.
  public func encoded() throws -> [UInt8] {
    if case .float(let value) = literal, !value.isFinite {
      throw PortValueError.notStorable(Self.typeName)
    }
    return Array(literal.description.utf8)
  }

  /// Reads the value as `encoded()` writes it.
  public init(encoded bytes: [UInt8]) throws {
    let literal: Literal
    switch try JSONValue.parse(String(decoding: bytes, as: UTF8.self)) {
    case .integer(let value): literal = .int(Int128(value))
    case .number(let value): literal = .float(value)
    case .string(let value): literal = .string(value)
    case .bool(let value): literal = .bool(value)
    case .null, .array, .object: throw PortValueError.damaged(Self.typeName)
    }
    try self.init(literal: literal, paths: FileAccess())
  }
}
