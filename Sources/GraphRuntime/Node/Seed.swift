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
  public init(literal: Literal, paths: any PathResolving) throws {
    guard case .int(let number) = literal else {
      throw ValueMismatch(.wrongType, expected: ParamKind.seed.description, got: literal.summary)
    }
    guard let value = UInt64(exactly: number) else {
      throw ValueMismatch(
        .outOfRange, expected: ParamKind.seed.description, got: literal.description)
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
