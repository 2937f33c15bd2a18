import GraphRuntime
import ResgraphWeights

/// The `blocks` of a LoRALoad: a list of numbers, or of texts such as `up.1=0.5`.
struct LoRABlocks: ParamValue, Equatable {
  static let kind = ParamKind.list(.either([.float, .string]))

  let weights: LoRABlockWeights
  let literal: Literal

  static func == (left: LoRABlocks, right: LoRABlocks) -> Bool { left.literal == right.literal }

  init(literal: Literal, paths: any PathResolving) throws {
    let items: [Literal]
    switch literal {
    case .list(let list): items = list
    case .string(let text): items = text.split(separator: ",").map { .string(String($0)) }
    default: items = [literal]
    }
    let numbers = items.compactMap(Self.number)
    if !items.isEmpty, numbers.count == items.count {
      weights = LoRABlockWeights(list: numbers)
      self.literal = .list(numbers.map { .float($0) })
      return
    }
    var named: [String: Double] = [:]
    for item in items {
      guard case .string(let text) = item, let (name, weight) = Self.entry(text),
        named.updateValue(weight, forKey: name) == nil
      else { throw Self.mismatch(item) }
    }
    do {
      weights = try LoRABlockWeights(named: named)
    } catch {
      throw ValueMismatch(
        .notAChoice, expected: "names of blocks", got: literal.summary,
        hint: String(describing: error))
    }
    self.literal = .list(named.sorted { $0.key < $1.key }.map { .string("\($0.key)=\($0.value)") })
  }

  private static func number(_ literal: Literal) -> Double? {
    switch literal {
    case .int(let value): Double(value)
    case .float(let value) where value.isFinite: value
    default: nil
    }
  }

  /// Reads `name=weight`, with or without spaces.
  private static func entry(_ text: String) -> (String, Double)? {
    let parts = text.split(separator: "=", omittingEmptySubsequences: false)
      .map { $0.filter { $0 != " " } }
    guard parts.count == 2, !parts[0].isEmpty, let weight = Double(parts[1]), weight.isFinite else {
      return nil
    }
    return (parts[0], weight)
  }

  private static func mismatch(_ literal: Literal) -> ValueMismatch {
    ValueMismatch(
      .wrongType, expected: "a list of numbers, or of texts such as `up.1=0.5`",
      got: literal.summary)
  }
}
