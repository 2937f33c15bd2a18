import DiffusionModels
import TensorRuntime

/// One batch: what the denoiser sees, and what it is to say.
struct TrainingStep: Sendable {
  let latents: Tensor
  let condition: PromptEncoding
  let noise: Tensor
  let perturbation: Tensor?
  let timesteps: [Int]

  /// Draws everything random of a batch: latents, noise, perturbation and time steps, in diffusers' order.
  init(
    _ examples: [TrainingExample], _ options: TrainingOptions, timestepCount: Int,
    generator: inout TorchGenerator
  ) {
    latents = Tensor.concatenate(
      examples.map { example in
        example.deviation.map { example.mean + $0 * generator.randn($0.shape) } ?? example.mean
      }, axis: 0)
    let shape = latents.shape
    var noise = generator.randn(shape)
    if options.noiseOffset > 0 {
      let offset = generator.randn([shape[0], shape[1]]) * Float(options.noiseOffset)
      noise = noise.adding(perSampleChannel: offset)
    }
    self.noise = noise
    perturbation = options.inputPerturbation > 0 ? generator.randn(shape) : nil
    timesteps = generator.randint(high: UInt32(timestepCount), count: shape[0])
    condition = PromptEncoding(
      embeddings: Tensor.concatenate(examples.map(\.condition.embeddings), axis: 0),
      pooled: Self.joined(examples.map(\.condition.pooled)),
      timeIDs: Self.joined(examples.map(\.condition.timeIDs)))
  }

  private static func joined(_ parts: [Tensor?]) -> Tensor? {
    let present = parts.compactMap(\.self)
    return present.count == parts.count ? Tensor.concatenate(present, axis: 0) : nil
  }

  /// The loss of a denoiser, and the gradients of its parameters.
  func run(
    _ model: UNet2DConditionModel, _ schedule: TrainingNoise, _ options: TrainingOptions
  ) -> (loss: Float, gradients: Gradients) {
    var conditions = UNetConditions(condition)
    conditions.recomputesBlocks = options.gradientCheckpointing
    let disturbed = perturbation.map {
      Tensor.multiplyAdd(noise, 1, $0, Float(options.inputPerturbation))
    }
    let prediction = model(
      schedule.noisy(latents, disturbed ?? noise, timesteps: timesteps),
      timesteps: timesteps.map { Float($0) }, conditions: conditions)
    let target = schedule.target(latents, noise, timesteps: timesteps)
    let error = prediction - target
    var slope = error * (2 / Float(error.count))
    var loss = (error * error).mean()
    if let gamma = options.snrGamma {
      let weights = schedule.weights(timesteps: timesteps, gamma: gamma)
      slope = scaled(slope, weights)
      loss = (scaled(error, weights) * error).mean()
    }
    return (loss, Gradients(of: prediction, gradient: slope))
  }

  private func scaled(_ tensor: Tensor, _ factors: [Float]) -> Tensor {
    Tensor.concatenate(
      factors.enumerated().map { tensor.slice(axis: 0, $0..<$0 + 1) * $1 }, axis: 0)
  }
}
