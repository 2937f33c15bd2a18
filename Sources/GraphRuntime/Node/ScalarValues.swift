extension Int: ParamValue, ScalarPortValue {
  /// A whole number.
  public static var kind: ParamKind { .int }
  /// `Int`.
  public static var typeName: String { "Int" }
  /// The number.
  public var literal: Literal { .int(Int128(self)) }
  /// Converts a whole number.
  public init(literal: Literal, paths: any PathResolving) throws {
    guard case .int(let number) = literal else {
      throw ValueMismatch(.wrongType, expected: "int", got: literal.summary)
    }
    guard let value = Int(exactly: number) else {
      throw ValueMismatch(
        .outOfRange, expected: "\(Int.min) to \(Int.max)", got: literal.description)
    }
    self = value
  }
}

extension Double: ParamValue, ScalarPortValue {
  /// The kind `float`.
  public static var kind: ParamKind { .float }
  /// `Float`.
  public static var typeName: String { "Float" }
  /// The number.
  public var literal: Literal { .float(self) }
  /// Converts a number.
  public init(literal: Literal, paths: any PathResolving) throws {
    switch literal {
    case .float(let value):
      guard value.isFinite else {
        throw ValueMismatch(
          .outOfRange, expected: "a finite number", got: literal.description)
      }
      self = value
    case .int(let value): self = Double(value)
    default: throw ValueMismatch(.wrongType, expected: "float", got: literal.summary)
    }
  }
}

extension Float: ParamValue {
  /// The kind `float`.
  public static var kind: ParamKind { .float }
  /// The number.
  public var literal: Literal { .float(Double(self)) }
  /// Converts a number, rounding to single precision.
  public init(literal: Literal, paths: any PathResolving) throws {
    self = Float(try Double(literal: literal, paths: paths))
    guard isFinite else {
      throw ValueMismatch(
        .outOfRange, expected: "a number below 3.5e38", got: literal.description)
    }
  }
}

extension Bool: ParamValue, ScalarPortValue {
  /// `true` or `false`.
  public static var kind: ParamKind { .bool }
  /// `Bool`.
  public static var typeName: String { "Bool" }
  /// The truth value.
  public var literal: Literal { .bool(self) }
  /// Converts `true` or `false`.
  public init(literal: Literal, paths: any PathResolving) throws {
    guard case .bool(let value) = literal else {
      throw ValueMismatch(
        .wrongType, expected: "bool (true or false)", got: literal.summary,
        hint: Self.hint(for: literal))
    }
    self = value
  }

  private static func hint(for literal: Literal) -> String? {
    guard case .string(let word) = literal else { return nil }
    switch word.lowercased() {
    case "yes", "on", "y", "true": return "write `true`"
    case "no", "off", "n", "false": return "write `false`"
    default: return nil
    }
  }
}

extension String: ParamValue, ScalarPortValue {
  /// The kind `string`.
  public static var kind: ParamKind { .string }
  /// `String`.
  public static var typeName: String { "String" }
  /// The memory of the text's UTF-8 form.
  public var byteCount: Int { utf8.count }
  /// The text.
  public var literal: Literal { .string(self) }
  /// Converts a text.
  public init(literal: Literal, paths: any PathResolving) throws {
    guard case .string(let value) = literal else {
      var hint: String?
      switch literal {
      case .bool, .int, .float: hint = "quote it: \"\(literal)\""
      default: break
      }
      throw ValueMismatch(.wrongType, expected: "string", got: literal.summary, hint: hint)
    }
    self = value
  }
}
