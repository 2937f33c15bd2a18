extension Int: ParamValue, ScalarPortValue {
  /// A whole number.
  public static var kind: ParamKind { .int }
  /// `Int`.
  public static var typeName: String { "Int" }
  /// The number.
  public var literal: Literal { .int(Int128(self)) }
  /// Converts a whole number.
  ///
  /// - Parameters:
  ///   - literal: The plain value.
  ///   - paths: Unused.
  /// - Throws: `ValueMismatch` for anything but a whole number of 64 bits.
  public init(literal: Literal, paths: any PathResolving) throws {
    guard case .int(let number) = literal else {
      throw ValueMismatch(expected: "int", got: literal.summary)
    }
    guard let value = Int(exactly: number) else {
      throw ValueMismatch(
        expected: "\(Int.min) to \(Int.max)", got: literal.description, isOutOfRange: true)
    }
    self = value
  }
}

extension Double: ParamValue, ScalarPortValue {
  /// A number.
  public static var kind: ParamKind { .float }
  /// `Float`.
  public static var typeName: String { "Float" }
  /// The number.
  public var literal: Literal { .float(self) }
  /// Converts a number.
  ///
  /// - Parameters:
  ///   - literal: The plain value.
  ///   - paths: Unused.
  /// - Throws: `ValueMismatch` for anything but a finite number.
  public init(literal: Literal, paths: any PathResolving) throws {
    switch literal {
    case .float(let value):
      guard value.isFinite else {
        throw ValueMismatch(
          expected: "a finite number", got: literal.description, isOutOfRange: true)
      }
      self = value
    case .int(let value): self = Double(value)
    default: throw ValueMismatch(expected: "float", got: literal.summary)
    }
  }
}

extension Float: ParamValue {
  /// A number.
  public static var kind: ParamKind { .float }
  /// The number.
  public var literal: Literal { .float(Double(self)) }
  /// Converts a number, rounding to single precision.
  ///
  /// - Parameters:
  ///   - literal: The plain value.
  ///   - paths: Unused.
  /// - Throws: `ValueMismatch` for anything but a number that is finite in single precision.
  public init(literal: Literal, paths: any PathResolving) throws {
    self = Float(try Double(literal: literal, paths: paths))
    guard isFinite else {
      throw ValueMismatch(
        expected: "a number below 3.5e38", got: literal.description, isOutOfRange: true)
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
  ///
  /// - Parameters:
  ///   - literal: The plain value.
  ///   - paths: Unused.
  /// - Throws: `ValueMismatch` for anything else, with a hint for the words of YAML 1.1.
  public init(literal: Literal, paths: any PathResolving) throws {
    guard case .bool(let value) = literal else {
      throw ValueMismatch(
        expected: "bool (true or false)", got: literal.summary, hint: Self.hint(for: literal))
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
  /// A text.
  public static var kind: ParamKind { .string }
  /// `String`.
  public static var typeName: String { "String" }
  /// The memory of the text's UTF-8 form.
  public var byteCount: Int { utf8.count }
  /// The text.
  public var literal: Literal { .string(self) }
  /// Converts a text.
  ///
  /// - Parameters:
  ///   - literal: The plain value.
  ///   - paths: Unused.
  /// - Throws: `ValueMismatch` for anything but a text.
  public init(literal: Literal, paths: any PathResolving) throws {
    guard case .string(let value) = literal else {
      var hint: String?
      switch literal {
      case .bool, .int, .float: hint = "quote it: \"\(literal)\""
      default: break
      }
      throw ValueMismatch(expected: "string", got: literal.summary, hint: hint)
    }
    self = value
  }
}

/// A seed of a random generator: any 64-bit number.
///
/// In a graph it may also be the word `random`, which the validator replaces by a number once per
/// run; nodes only ever see numbers.
public struct Seed: ParamValue, Hashable {
  /// The number.
  public var value: UInt64

  /// Wraps a number.
  ///
  /// - Parameter value: The seed.
  public init(_ value: UInt64) { self.value = value }

  /// A seed.
  public static var kind: ParamKind { .seed }
  /// The number.
  public var literal: Literal { .int(Int128(value)) }
  /// Converts a number.
  ///
  /// - Parameters:
  ///   - literal: The plain value.
  ///   - paths: Unused.
  /// - Throws: `ValueMismatch` for anything but a whole number from 0 to 2^64 - 1.
  public init(literal: Literal, paths: any PathResolving) throws {
    guard case .int(let number) = literal else {
      throw ValueMismatch(expected: ParamKind.seed.description, got: literal.summary)
    }
    guard let value = UInt64(exactly: number) else {
      throw ValueMismatch(
        expected: ParamKind.seed.description, got: literal.description, isOutOfRange: true)
    }
    self.value = value
  }
}

extension Seed: ExpressibleByIntegerLiteral {
  /// Wraps a number.
  ///
  /// - Parameter value: The seed.
  public init(integerLiteral value: UInt64) { self.init(value) }
}

/// An existing file or folder that a node reads; its content is part of the cache key.
///
/// It is also the `Path` port type, for nodes that produce files for others.
public struct InputPath: ParamValue, ScalarPortValue, Hashable {
  /// The path as the graph writes it.
  public var written: String
  /// The path of the existing file.
  public var resolved: String

  /// Names an existing file.
  ///
  /// - Parameters:
  ///   - written: The path as the graph writes it.
  ///   - resolved: The path of the file; the written one when nil.
  public init(_ written: String, resolved: String? = nil) {
    self.written = written
    self.resolved = resolved ?? written
  }

  /// An existing path.
  public static var kind: ParamKind { .path }
  /// `Path`.
  public static var typeName: String { "Path" }
  /// The path of the file found.
  public var literal: Literal { .string(resolved) }
  /// Finds the file.
  ///
  /// - Parameters:
  ///   - literal: The path.
  ///   - paths: Finds the file in the search folders.
  /// - Throws: `ValueMismatch` when it is not a text or there is no such file.
  public init(literal: Literal, paths: any PathResolving) throws {
    let text = try PathText(literal, kind: "path").text
    self.init(text, resolved: try paths.existing(text))
  }
}

/// A file or folder that a node writes.
public struct OutputPath: ParamValue, Hashable {
  /// The path as the graph writes it.
  public var written: String
  /// The path to write to.
  public var resolved: String

  /// Names a file to be written.
  ///
  /// - Parameters:
  ///   - written: The path as the graph writes it.
  ///   - resolved: The path to write to; the written one when nil.
  public init(_ written: String, resolved: String? = nil) {
    self.written = written
    self.resolved = resolved ?? written
  }

  /// A path to write.
  public static var kind: ParamKind { .outputPath }
  /// The path as written.
  public var literal: Literal { .string(written) }
  /// Makes the path to write to.
  ///
  /// - Parameters:
  ///   - literal: The path.
  ///   - paths: Makes it absolute.
  /// - Throws: `ValueMismatch` when it is not a text.
  public init(literal: Literal, paths: any PathResolving) throws {
    let text = try PathText(literal, kind: "output path").text
    self.init(text, resolved: paths.writable(text))
  }
}

/// A text that can be a path: not empty, no zero byte.
private struct PathText {
  let text: String

  init(_ literal: Literal, kind: String) throws {
    guard case .string(let text) = literal, !text.isEmpty, !text.utf8.contains(0) else {
      throw ValueMismatch(expected: kind, got: literal.summary)
    }
    self.text = text
  }
}
