/// The samplers that a graph can name.
public enum SamplerKind: String, Sendable, CaseIterable {
  /// The scheduler that the checkpoint's own configuration names.
  case checkpoint
  /// DDIMScheduler.
  case ddim
  /// PNDMScheduler.
  case pndm
  /// EulerDiscreteScheduler.
  case euler
  /// EulerAncestralDiscreteScheduler.
  case eulerAncestral = "euler_a"
  /// HeunDiscreteScheduler.
  case heun
  /// DPMSolverMultistepScheduler with `dpmsolver++`.
  case dpmpp2M = "dpmpp_2m"
  /// DPMSolverMultistepScheduler with `sde-dpmsolver++`.
  case dpmpp2MSDE = "dpmpp_2m_sde"
  /// UniPCMultistepScheduler.
  case unipc
  /// DDPMScheduler.
  case ddpm
  /// LCMScheduler.
  case lcm
}

/// How noise levels are spread over the steps.
public enum ScheduleKind: String, Sendable, CaseIterable {
  /// What the configuration says; usually the training schedule itself.
  case `default`
  /// Even steps of the seventh root of sigma (Karras et al. 2022).
  case karras
  /// Even steps of the logarithm of sigma.
  case exponential
  /// Quantiles of a beta distribution ("Beta Sampling is All You Need").
  case beta
}

/// How timesteps are picked from the training schedule.
public enum SpacingKind: String, Sendable, CaseIterable {
  /// What the configuration says, else the sampler's own choice.
  case `default`
  /// Equal whole steps from the start, plus the configuration's offset.
  case leading
  /// Evenly from the first to the last.
  case linspace
  /// Equal steps back from the end.
  case trailing
}

/// What the UNet was trained to predict.
enum PredictionType: String, Sendable, CaseIterable {
  case epsilon
  case sample
  case vPrediction = "v_prediction"
}
