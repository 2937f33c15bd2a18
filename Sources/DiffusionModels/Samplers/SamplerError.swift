/// The errors of scheduler configurations and of sampling options.
public enum SamplerError: Error, Sendable, Equatable {
  /// The checkpoint names a scheduler that does not exist here.
  case unknownScheduler(String)
  /// A configuration value has the wrong type or is out of range.
  case badValue(key: String, reason: String)
  /// A sampler cannot do what an option asks.
  case unsupported(sampler: String, reason: String)
  /// The number of steps is outside what the schedule has room for.
  case badStepCount(count: Int, reason: String)
}

extension SamplerError: CustomStringConvertible {
  /// One sentence for people.
  public var description: String {
    switch self {
    case .unknownScheduler(let name):
      "the checkpoint's scheduler \(name) is unknown; choose a sampler by name: "
        + SamplerKind.allCases.map(\.rawValue).joined(separator: ", ")
    case .badValue(let key, let reason): "scheduler configuration, \(key): \(reason)"
    case .unsupported(let sampler, let reason): "sampler \(sampler): \(reason)"
    case .badStepCount(let count, let reason): "\(count) steps: \(reason)"
    }
  }
}
