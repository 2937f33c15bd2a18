/// The range of a numeric parameter; every bound is inclusive, nil is no bound.
public struct ParamLimits: Sendable, Hashable, Codable {
  /// The smallest number allowed.
  public var min: Double?
  /// The largest number allowed.
  public var max: Double?
  /// The number must be a multiple of this.
  public var multipleOf: Int?

  /// Sets bounds.
  ///
  /// - Parameters:
  ///   - min: The smallest number allowed.
  ///   - max: The largest number allowed.
  ///   - multipleOf: The number must be a multiple of this.
  public init(min: Double? = nil, max: Double? = nil, multipleOf: Int? = nil) {
    self.min = min
    self.max = max
    self.multipleOf = multipleOf
  }

  /// The bounds in words, nil when there are none: `at least 64, a multiple of 8`.
  public var description: String? {
    var parts: [String] = []
    switch (min, max) {
    case (let low?, let high?): parts.append("\(Self.spell(low)) to \(Self.spell(high))")
    case (let low?, nil): parts.append("at least \(Self.spell(low))")
    case (nil, let high?): parts.append("at most \(Self.spell(high))")
    case (nil, nil): break
    }
    if let multipleOf { parts.append("a multiple of \(multipleOf)") }
    return parts.isEmpty ? nil : parts.joined(separator: ", ")
  }

  /// Checks the numbers of a plain value, also those inside a list.
  ///
  /// - Parameter literal: The plain value; texts and truth values always pass.
  /// - Throws: `ValueMismatch` when a number is outside.
  public func check(_ literal: Literal) throws {
    switch literal {
    case .list(let items): for item in items { try check(item) }
    case .int(let number):
      var hint: String?
      var fits = contains(Double(number))
      if fits, let step = multipleOf, step > 0, number % Int128(step) != 0 {
        fits = false
        hint = nearestMultiple(of: step, to: number)
      }
      if !fits { throw mismatch(literal, hint: hint) }
    case .float(let number):
      let isMultiple =
        multipleOf.map { number.truncatingRemainder(dividingBy: Double($0)) == 0 } ?? true
      if !contains(number) || !isMultiple { throw mismatch(literal, hint: nil) }
    case .null, .bool, .string: break
    }
  }

  private func contains(_ number: Double) -> Bool {
    if min == nil, max == nil { return true }
    return number >= (min ?? -.infinity) && number <= (max ?? .infinity)
  }

  private func mismatch(_ literal: Literal, hint: String?) -> ValueMismatch {
    ValueMismatch(
      .outOfRange, expected: description ?? "a number", got: literal.description, hint: hint)
  }

  private func nearestMultiple(of step: Int, to number: Int128) -> String? {
    let step = Int128(step)
    let remainder = (number % step + step) % step
    let (below, overflow) = number.subtractingReportingOverflow(remainder)
    guard !overflow else { return nil }
    let above = below.addingReportingOverflow(step)
    let candidates = (above.overflow ? [below] : [below, above.partialValue])
      .filter { contains(Double($0)) }
    guard !candidates.isEmpty else { return nil }
    return "nearest: " + candidates.map { String($0) }.joined(separator: " or ")
  }

  private static func spell(_ bound: Double) -> String {
    Int(exactly: bound).map { String($0) } ?? String(bound)
  }
}
