/// The reason why a model cannot be built from its configuration, or cannot take its inputs.
///
/// Faults of its weights are a `WeightError`.
public enum ModelError: Error, Sendable, Equatable {
  /// An option has a value that this engine does not implement.
  case unsupportedOption(model: String, option: String, value: String, supported: String)
  /// An option has a value that no model can have.
  case invalidOption(model: String, option: String, reason: String)
  /// An input is missing or has a shape that the model does not take.
  case inputMismatch(model: String, input: String, expected: String, found: [Int]?)
}

extension ModelError: CustomStringConvertible {
  /// One sentence naming the model, the option and what would be accepted.
  public var description: String {
    switch self {
    case .unsupportedOption(let model, let option, let value, let supported):
      "\(model): '\(option)': \(value) is not supported (supported: \(supported))"
    case .invalidOption(let model, let option, let reason):
      "\(model): '\(option)': \(reason)"
    case .inputMismatch(let model, let input, let expected, let found):
      "\(model): \(input): expected \(expected), found \(found.map { "\($0)" } ?? "none")"
    }
  }
}
