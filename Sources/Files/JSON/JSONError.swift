/// Where and why a text is not the JSON that is accepted.
public struct JSONError: Error, Sendable, Equatable, CustomStringConvertible {
  /// Byte offset from the start of the text.
  public let offset: Int
  /// What was wrong there.
  public let reason: String
  /// Whether the text is nested deeper than it may be, rather than malformed.
  package var isTooDeep = false
  /// One sentence for people.
  public var description: String { "JSON, byte \(offset): \(reason)" }

  package init(offset: Int, reason: String, isTooDeep: Bool = false) {
    self.offset = offset
    self.reason = reason
    self.isTooDeep = isTooDeep
  }
}

/// What a JSON text may be at most.
public struct JSONLimits: Sendable {
  /// Deepest nesting of arrays and objects.
  public var depth: Int
  /// Longest text in bytes.
  public var byteCount: Int
  /// Most values in all.
  public var values: Int
  /// Whether integers beyond 64 bits are read as doubles (as other writers' huge defaults need) or
  /// refused.
  public var roundsLargeIntegers: Bool
  /// Whether Python's `NaN`, `Infinity` and `-Infinity` are read.
  public var acceptsNonFinite: Bool

  /// Limits for configuration and tokenizer files, which Python wrote.
  public static let standard = JSONLimits(
    depth: 128, byteCount: 256 << 20, values: 8_000_000, roundsLargeIntegers: true,
    acceptsNonFinite: true)
  /// Limits for the header of a safetensors file.
  public static let weightHeader = JSONLimits(
    depth: 8, byteCount: 100_000_000, values: 1_000_000, roundsLargeIntegers: false,
    acceptsNonFinite: false)

  package init(
    depth: Int, byteCount: Int, values: Int, roundsLargeIntegers: Bool, acceptsNonFinite: Bool
  ) {
    self.depth = depth
    self.byteCount = byteCount
    self.values = values
    self.roundsLargeIntegers = roundsLargeIntegers
    self.acceptsNonFinite = acceptsNonFinite
  }
}
