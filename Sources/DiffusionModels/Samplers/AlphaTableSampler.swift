import TensorRuntime

/// A sampler that looks noise levels up in the training schedule, by whole timesteps.
protocol AlphaTableSampler: Sampler {
  var schedule: NoiseSchedule { get }
}

extension AlphaTableSampler {
  func addNoise(_ original: Tensor, noise: Tensor, timestep: Float) -> Tensor {
    VariancePreserving(alphaCumprod: schedule.alphasCumprod[Int(timestep)]).noisy(original, noise)
  }
}
