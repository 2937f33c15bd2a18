import Foundation
import ResgraphWeights
import TensorRuntime

/// Embeds numbers such as the time step as sinusoids.
struct Timesteps: Sendable {
  /// How many values are made of a number.
  var channels: Int
  /// Whether cosines come before sines, as in every released UNet.
  var cosineFirst = true
  /// The number that is subtracted from half the channels in the frequencies' denominator.
  var frequencyShift: Float = 0

  /// Embeds numbers.
  ///
  /// Frequencies are exp(-ln(10000) i / (channels / 2 - shift)), in float32 as in diffusers; an odd
  /// number of channels ends in a zero.
  ///
  /// - Parameter numbers: N numbers.
  /// - Returns: [N, channels].
  func callAsFunction(_ numbers: [Float]) -> Tensor {
    let half = channels / 2
    let frequencies = (0..<half).map { index in
      Foundation.exp(-Float(log(10_000.0)) * Float(index) / (Float(half) - frequencyShift))
    }
    return sinusoids(of: numbers, frequencies, channels: channels, cosineFirst: cosineFirst)
  }
}

/// The embedding of the guidance weight that latent-consistency UNets take as `timestepCond`.
///
/// Unlike the time step's: the weight is multiplied by 1000, sines come first, and the frequencies'
/// denominator is one less than half the width.
///
/// - Parameters:
///   - weights: Guidance scale minus one, one per sample.
///   - channels: The UNet's `time_cond_proj_dim`.
/// - Returns: [count, channels].
public func guidanceEmbedding(_ weights: [Float], channels: Int) -> Tensor {
  let half = channels / 2
  // The order of operations is the reference's, because with angles of thousands its roundings show
  // in the result.
  let step = Float(log(10_000.0)) / Float(half - 1)
  let frequencies = (0..<half).map { Foundation.exp(Float($0) * -step) }
  let angles = weights.map { $0 * 1000 }
  return sinusoids(of: angles, frequencies, channels: channels, cosineFirst: false)
}

/// Computes sines and cosines of every number times every frequency.
///
/// An odd width ends in a zero.
private func sinusoids(
  of numbers: [Float], _ frequencies: [Float], channels: Int, cosineFirst: Bool
) -> Tensor {
  var values: [Float] = []
  values.reserveCapacity(numbers.count * channels)
  for number in numbers {
    let sines = frequencies.map { Foundation.sin(number * $0) }
    let cosines = frequencies.map { Foundation.cos(number * $0) }
    values += cosineFirst ? cosines + sines : sines + cosines
    if channels % 2 == 1 { values.append(0) }
  }
  return Tensor(values, shape: [numbers.count, channels])
}

/// Two linear layers with an activation between them.
///
/// `cond_proj` adds a condition to the input.
struct TimestepEmbedding: Sendable {
  private let linear1: Linear
  private let linear2: Linear
  private let conditionProjection: Linear?
  private let activation: Activation

  /// Loads the layers.
  ///
  /// - Parameters:
  ///   - weights: The scope of the embedding.
  ///   - inputs: Width of the input.
  ///   - outputs: Width of the embedding.
  ///   - activation: The activation between the layers.
  ///   - conditionChannels: Width of the condition; nil for none.
  /// - Throws: `WeightError` for a tensor that is missing or has another shape.
  init(
    _ weights: WeightScope, from inputs: Int, to outputs: Int, activation: Activation = .silu,
    conditionChannels: Int? = nil
  ) throws {
    self.activation = activation
    linear1 = try weights.linear("linear_1", inputs, outputs)
    linear2 = try weights.linear("linear_2", outputs, outputs)
    conditionProjection = try conditionChannels.map {
      try weights.linear("cond_proj", $0, inputs, bias: false)
    }
  }

  /// Embeds [B, inputs] to [B, outputs].
  func callAsFunction(_ x: Tensor, condition: Tensor? = nil) -> Tensor {
    var x = x
    if let condition {
      guard let conditionProjection else { preconditionFailure("the model takes no condition") }
      x = conditionProjection(condition, residual: x.repeated(toBatch: condition.shape[0]))
    }
    return linear2(linear1(x, activation: activation))
  }
}

extension TimestepEmbedding: ModuleNode {
  var summary: String { "TimestepEmbedding" }
  var children: [ModuleChild] {
    let condition = conditionProjection.map { [ModuleChild("cond_proj", $0)] } ?? []
    return [("linear_1", linear1)] + condition + [("linear_2", linear2)]
  }
}
