import TensorRuntime

/// Everything a UNet's prediction is conditioned on, beside the time step.
///
/// The batch of the text decides how many samples are predicted; a sample of a smaller batch is
/// repeated to it as a whole, and what does not depend on the text is computed only once. Guidance
/// therefore passes the latents once and the texts as [negative…, positive…].
public struct UNetConditions: Sendable {
  /// Text tokens, [B, L, D].
  public var text: Tensor
  /// Pooled text, [B, P]; needed by SDXL.
  public var pooled: Tensor?
  /// Original size, crop and target size, each height then width: [B, 6]; needed by SDXL.
  public var timeIDs: Tensor?
  /// The guidance embedding of latent-consistency models, [B, `timestepCondWidth`].
  public var timestepCond: Tensor?
  /// Image prompts (IP-Adapter), added to every cross-attention.
  public var imagePrompts: [ImagePrompt] = []
  /// Residuals of ControlNets, already scaled and summed: one per skip connection, and the middle's.
  public var controlResiduals: ControlResiduals?
  /// Features of T2I-Adapters, already scaled and summed: one per level, then one for the middle.
  public var adapterFeatures: [Tensor] = []
  /// The time steps of the run to come, as far as they are known.
  public var timesteps: [Float] = []
  /// Where in a run the model is asked; for predictors that have controls of their own.
  public var step: DenoiseStep?
  /// What `UNet2DConditionModel.prepared(_:)` computed ahead.
  var context: UNetContext?
  /// Keeps or takes the deep levels' features; nil runs the whole model.
  var deepFeatures: DeepFeatureUse?
  /// The share of tokens that the finest self-attentions merge away.
  var tokenMerge = 0.0

  /// Makes conditions of a text alone; the rest is set as needed.
  ///
  /// - Parameters:
  ///   - text: [B, L, D].
  ///   - pooled: [B, P], for SDXL.
  ///   - timeIDs: [B, 6], for SDXL.
  public init(text: Tensor, pooled: Tensor? = nil, timeIDs: Tensor? = nil) {
    self.text = text
    self.pooled = pooled
    self.timeIDs = timeIDs
  }
}

/// An image that a UNet looks at beside the text: IP-Adapter's tokens and its own projections.
public struct ImagePrompt: Sendable {
  /// Key and value projections per cross-attention layer, in the order down, up, middle.
  public var projections: [(key: Linear, value: Linear)]
  /// Projected image tokens [B, n, D]; several images without masks share one attention.
  public var tokens: [Tensor]
  /// One weight per cross-attention layer; a layer of weight 0 is skipped.
  public var scales: [Float]
  /// Where each image counts, [1, 1, H, W]; empty for everywhere.
  public var masks: [Tensor]

  /// Makes an image prompt.
  ///
  /// - Parameters:
  ///   - projections: One pair per cross-attention layer.
  ///   - tokens: [B, n, D] per image.
  ///   - scales: One weight per cross-attention layer.
  ///   - masks: As many as images, or none.
  public init(
    projections: [(key: Linear, value: Linear)], tokens: [Tensor], scales: [Float],
    masks: [Tensor] = []
  ) {
    precondition(scales.count == projections.count, "one scale per layer")
    precondition(masks.isEmpty || masks.count == tokens.count, "one mask per image")
    self.projections = projections
    self.tokens = tokens
    self.scales = scales
    self.masks = masks
  }

  /// The attentions of one layer.
  func attentions(layer: Int) -> [ImageAttention] {
    let scale = scales[layer]
    if scale == 0 || tokens.isEmpty { return [] }
    let (key, value) = projections[layer]
    func attention(_ tokens: Tensor, _ mask: Tensor?) -> ImageAttention {
      ImageAttention(
        source: KeyValue(key: key(tokens), value: value(tokens)), scale: scale,
        mask: mask.map { ImageMask($0) })
    }
    if masks.isEmpty { return [attention(Tensor.concatenate(tokens, axis: 1), nil)] }
    return zip(tokens, masks).map { attention($0, $1) }
  }
}

/// What is the same for every step of a run: keys and values of the text and of image prompts in
/// every attention layer, the added embedding of SDXL, and the times of all steps.
struct UNetContext: Sendable {
  /// The model that made it.
  let owner: ObjectIdentifier
  /// One per transformer block: down, up, middle.
  let blocks: [BlockContext]
  /// [B, timeChannels], added to the time embedding.
  let addedEmbedding: Tensor?
  /// Samples predicted.
  let batch: Int
  /// The times of all steps, where they are known.
  private(set) var times: RunTimes?
}

extension UNetContext {
  /// Adds what the time embedding makes of the conditions.
  init(
    owner: ObjectIdentifier, blocks: [BlockContext], _ conditions: UNetConditions,
    timeEmbedding: UNetTimeEmbedding
  ) {
    let added = timeEmbedding.addedEmbedding(conditions)
    self.init(
      owner: owner, blocks: blocks, addedEmbedding: added, batch: conditions.text.shape[0])
    guard !conditions.timesteps.isEmpty else { return }
    times = RunTimes(conditions.timesteps) {
      timeEmbedding(timesteps: [$0], condition: conditions.timestepCond, added: added)
    }
  }

  /// The time of a step: as computed ahead, or computed now.
  func time(
    _ timesteps: [Float], _ conditions: UNetConditions, _ timeEmbedding: UNetTimeEmbedding
  ) -> StepTime {
    if timesteps.count == 1, let known = times?.step(timesteps[0]) { return known }
    return StepTime(
      timeEmbedding(
        timesteps: timesteps, condition: conditions.timestepCond, added: addedEmbedding))
  }
}

// MARK: - Parts of a batch

extension UNetConditions {
  /// The conditions of the last samples, such as the prompt's half of a guided batch.
  func lastSamples(_ count: Int) -> UNetConditions {
    let all = text.shape[0]
    func part(_ tensor: Tensor) -> Tensor {
      tensor.shape[0] == all ? tensor.slice(axis: 0, all - count..<all) : tensor
    }
    func part(_ source: KeyValue) -> KeyValue {
      KeyValue(key: part(source.key), value: part(source.value))
    }
    var conditions = self
    conditions.text = part(text)
    conditions.pooled = pooled.map(part)
    conditions.timeIDs = timeIDs.map(part)
    conditions.timestepCond = timestepCond.map(part)
    for index in imagePrompts.indices {
      conditions.imagePrompts[index].tokens = imagePrompts[index].tokens.map(part)
    }
    conditions.controlResiduals = controlResiduals.map {
      ControlResiduals(down: $0.down.map(part), mid: part($0.mid))
    }
    conditions.adapterFeatures = adapterFeatures.map(part)
    conditions.context = context.map { context in
      UNetContext(
        owner: context.owner,
        blocks: context.blocks.map { block in
          BlockContext(
            text: part(block.text), firstText: block.firstText.map(part),
            images: block.images.map {
              ImageAttention(source: part($0.source), scale: $0.scale, mask: $0.mask)
            })
        },
        addedEmbedding: context.addedEmbedding.map(part), batch: count,
        // Rows for each sample are the whole batch's: then each step's time is computed as it comes.
        times: context.times.flatMap { $0.samples == 1 ? $0 : nil })
    }
    return conditions
  }
}
