import ResgraphWeights
public import TensorRuntime

/// The noise that a denoiser is trained with, and what it is to predict, as diffusers' `DDPMScheduler` has them.
public struct TrainingNoise: Sendable {
  private let schedule: NoiseSchedule
  private let prediction: PredictionType

  /// The number of time steps.
  public var count: Int { schedule.count }

  /// Reads the schedule.
  ///
  /// - Parameter config: The checkpoint's scheduler configuration.
  /// - Throws: `SamplerError` when it describes no schedule that a denoiser is trained with.
  public init(_ config: SchedulerConfig) throws {
    let settings = SamplerSettings(.ddpm, config: config)
    schedule = try DDPMSampler.schedule(settings)
    prediction = try settings.prediction()
  }

  /// Each sample with the noise of its time step.
  ///
  /// - Parameters:
  ///   - original: [B, C, h, w].
  ///   - noise: Of the same shape.
  ///   - timesteps: One per sample.
  /// - Returns: [B, C, h, w].
  public func noisy(_ original: Tensor, _ noise: Tensor, timesteps: [Int]) -> Tensor {
    perSample(original, noise, timesteps) { $0.noisy($1, $2) }
  }

  /// What the denoiser is to predict: the noise, the velocity or the sample.
  ///
  /// - Parameters:
  ///   - original: [B, C, h, w].
  ///   - noise: Of the same shape.
  ///   - timesteps: One per sample.
  /// - Returns: [B, C, h, w].
  public func target(_ original: Tensor, _ noise: Tensor, timesteps: [Int]) -> Tensor {
    switch prediction {
    case .epsilon: return noise
    case .sample: return original
    case .vPrediction:
      return perSample(original, noise, timesteps) { level, original, noise in
        Tensor.multiplyAdd(noise, level.alpha, original, -level.sigma)
      }
    }
  }

  /// The weight of each sample's loss (Hang and others, 2023): min(snr, gamma) / snr for the noise,
  /// over snr + 1 for the velocity.
  ///
  /// - Parameters:
  ///   - timesteps: One per sample.
  ///   - gamma: The signal-to-noise ratio above which the weight falls.
  /// - Returns: One weight per sample.
  public func weights(timesteps: [Int], gamma: Double) -> [Float] {
    timesteps.map { timestep in
      let share = Double(schedule.alphasCumprod[timestep])
      let ratio = share / (1 - share)
      let limited = min(ratio, gamma)
      switch prediction {
      case .epsilon: return Float(ratio == 0 ? 1 : limited / ratio)
      case .vPrediction: return Float(limited / (ratio + 1))
      case .sample: return Float(limited)
      }
    }
  }

  private func perSample(
    _ first: Tensor, _ second: Tensor, _ timesteps: [Int],
    _ combine: (VariancePreserving, Tensor, Tensor) -> Tensor
  ) -> Tensor {
    Tensor.concatenate(
      timesteps.enumerated().map { index, timestep in
        combine(
          VariancePreserving(alphaCumprod: schedule.alphasCumprod[timestep]),
          first.slice(axis: 0, index..<index + 1), second.slice(axis: 0, index..<index + 1))
      }, axis: 0)
  }
}
