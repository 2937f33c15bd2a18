import TensorRuntime

/// The ways in which a predicted clean sample is limited before it is used.
enum Clipping: Sendable {
  case none
  /// Limits every value.
  case range(Float)
  /// Limits each sample to a quantile of its magnitudes and divides by it (Imagen's dynamic thresholding).
  case quantile(ratio: Float, maximum: Float)

  /// Reads the options `thresholding` and, for samplers that have it, `clip_sample`.
  init(_ settings: SamplerSettings, clipsByDefault: Bool?) throws {
    if try settings.reader.flag("thresholding", default: false) {
      let ratio = try settings.reader.double("dynamic_thresholding_ratio", default: 0.995)
      guard (0...1).contains(ratio) else {
        throw settings.bad("dynamic_thresholding_ratio", "a number from 0 to 1 expected")
      }
      let maximum = try settings.reader.double("sample_max_value", default: 1)
      guard maximum >= 1 else {
        throw settings.bad("sample_max_value", "a number of at least 1 expected")
      }
      self = .quantile(ratio: Float(ratio), maximum: Float(maximum))
    } else if let clipsByDefault {
      self = try .limit(settings, clipsByDefault: clipsByDefault)
    } else {
      self = .none
    }
  }

  /// Reads the option `clip_sample`.
  static func limit(_ settings: SamplerSettings, clipsByDefault: Bool) throws -> Clipping {
    guard try settings.reader.flag("clip_sample", default: clipsByDefault) else { return .none }
    let range = try settings.reader.double("clip_sample_range", default: 1)
    guard range > 0 else { throw settings.bad("clip_sample_range", "a positive number expected") }
    return .range(Float(range))
  }

  func callAsFunction(_ sample: Tensor) -> Tensor {
    switch self {
    case .none: return sample
    case .range(let limit): return sample.clamped(to: -limit...limit)
    case .quantile(let ratio, let maximum):
      let parts = (0..<sample.shape[0]).map { index in
        threshold(sample.slice(axis: 0, index..<index + 1), ratio, maximum)
      }
      return Tensor.concatenate(parts, axis: 0)
    }
  }

  private func threshold(_ sample: Tensor, _ ratio: Float, _ maximum: Float) -> Tensor {
    let sorted = sample.floats().map(abs).sorted()
    let position = ratio * Float(sorted.count - 1)
    let low = Int(position)
    let high = min(low + 1, sorted.count - 1)
    let weight = position - Float(low)
    let difference = sorted[high] - sorted[low]
    let quantile =
      weight < 0.5
      ? sorted[low] + weight * difference : sorted[high] - difference * (1 - weight)
    let limit = min(max(quantile, 1), maximum)
    return sample.clamped(to: -limit...limit) / limit
  }
}
