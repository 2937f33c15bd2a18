import TensorRuntime

/// Everything a UNet's prediction is conditioned on, beside the time step.
///
/// The batch of the prompt decides how many samples are predicted; a sample of a smaller batch is
/// repeated to it as a whole, and what does not depend on the prompt is computed only once. Guidance
/// therefore passes the latents once and the prompts as [negative…, positive…].
public struct UNetConditions: Sendable {
  /// What the picture shows.
  public var prompt: PromptEncoding
  /// The guidance embedding of latent-consistency models, [B, `timestepCondWidth`].
  public var timestepCond: Tensor?
  /// Image prompts (IP-Adapter), added to every cross-attention.
  public var imagePrompts: [ImagePrompt] = []
  /// What controls add in the present step.
  public var controls = UNetControls()
  /// The run that the prediction is a part of.
  public var run = UNetRun()
  /// What `UNet2DConditionModel.prepared(_:)` computed ahead.
  var context: UNetContext?
  /// Whether blocks keep their inputs alone for the gradient, and are run again when it is taken.
  package var recomputesBlocks = false
  /// How the present step is made cheaper.
  var approximation = UNetApproximation()

  /// Makes conditions of a prompt alone; the rest is set as needed.
  ///
  /// - Parameter prompt: The prompts of all samples.
  public init(_ prompt: PromptEncoding) { self.prompt = prompt }

  /// Makes conditions of a text alone; the rest is set as needed.
  ///
  /// - Parameters:
  ///   - text: [B, L, D].
  ///   - pooled: [B, P], for SDXL.
  ///   - timeIDs: [B, 6], for SDXL.
  public init(text: Tensor, pooled: Tensor? = nil, timeIDs: Tensor? = nil) {
    self.init(PromptEncoding(embeddings: text, pooled: pooled, timeIDs: timeIDs))
  }

  /// How many samples are predicted.
  var batch: Int { prompt.embeddings.shape[0] }
}

/// What ControlNets and T2I-Adapters add to a UNet in one step.
public struct UNetControls: Sendable {
  /// Residuals of ControlNets, already scaled and summed; nil without any.
  public var residuals: ControlResiduals?
  /// Features of T2I-Adapters, already scaled and summed: one per level, then one for the middle.
  public var features: [Tensor] = []

  /// Nothing.
  public init() {}
}

/// The run that a prediction is a part of, as far as it is known.
public struct UNetRun: Sendable {
  /// The time steps of the run to come.
  public var timesteps: [Float] = []
  /// Where the run is; for predictors that have controls of their own.
  public var step: DenoiseStep?

  /// A prediction on its own.
  public init() {}
}

/// How a UNet's work in one step is made cheaper, at the price of other numbers.
struct UNetApproximation: Sendable {
  /// Keeps or takes the deep levels' features; nil runs the whole model.
  var deepFeatures: DeepFeatureUse?
  /// The share of tokens that the finest self-attentions merge away.
  var tokenMerge = 0.0
}
