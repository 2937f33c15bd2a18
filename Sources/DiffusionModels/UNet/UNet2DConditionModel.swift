import ResgraphWeights
import TensorRuntime

/// The UNet of Stable Diffusion 1, 2 and XL, which predicts the noise (or velocity) in latents at a
/// time step, given a text.
///
/// Follows diffusers' `UNet2DConditionModel`; every option of `config.json` is either honoured or
/// refused. Feature maps stay channels-last inside, so that attention reads them without a copy.
public final class UNet2DConditionModel: Sendable {
  /// The configuration of the model.
  public let config: UNetConfig
  private let convIn: Conv2D
  private let timeEmbedding: UNetTimeEmbedding
  private let downBlocks: [UNetDownBlock]
  private let upBlocks: [UNetUpBlock]
  private let midBlock: UNetMidBlock?
  private let convNormOut: GroupNorm
  private let convOut: Conv2D

  /// Builds the model.
  ///
  /// - Parameters:
  ///   - weights: A source with diffusers' names.
  ///   - config: Its configuration.
  /// - Throws: `WeightError` for a tensor that is missing, has another shape or is not used;
  ///   `ModelError` for impossible dimensions.
  public init(_ weights: WeightScope, config: UNetConfig) throws {
    self.config = config
    let first = config.levels[0].channels
    let levels = config.levels.indices
    convIn = try weights.convolution(
      "conv_in", config.inChannels, first, kernel: config.inputKernel)
    timeEmbedding = try UNetTimeEmbedding(weights, config)
    // Adapters number the attention layers in the order down, up, middle.
    var contextCount = 0
    var down: [UNetDownBlock] = []
    for level in levels {
      down.append(
        try UNetDownBlock(
          weights["down_blocks"][level], config, level: level, contextCount: &contextCount))
    }
    var up: [UNetUpBlock] = []
    for level in levels.reversed() {
      up.append(
        try UNetUpBlock(
          weights["up_blocks"][levels.count - 1 - level], config, level: level,
          contextCount: &contextCount))
    }
    (downBlocks, upBlocks) = (down, up)
    midBlock =
      config.middle == .none
      ? nil : try UNetMidBlock(weights["mid_block"], config, contextCount: &contextCount)
    convNormOut = try weights.groupNorm(
      "conv_norm_out", first, groups: config.groups, eps: config.normEps)
    convOut = try weights.convolution(
      "conv_out", first, config.outChannels, kernel: config.outputKernel)
    try weights.verifyAllUsed(except: { _ in false })
  }

  private var transformerBlocks: [BasicTransformerBlock] {
    let attentions =
      downBlocks.flatMap(\.attentions) + upBlocks.flatMap(\.attentions)
      + (midBlock?.attentions ?? [])
    return attentions.flatMap(\.blocks)
  }

  /// Computes ahead what is the same for every step: keys and values of the text and of image
  /// prompts in every layer, SDXL's added embedding, and the time embeddings of the steps to come.
  ///
  /// - Parameter conditions: Text, pooled text, time ids, the guidance embedding, time steps and image
  ///   prompts are read now and must not be changed in the result; everything else may be set per step.
  /// - Returns: The conditions with what was computed.
  public func prepared(_ conditions: UNetConditions) -> UNetConditions {
    var result = conditions
    result.context = makeContext(conditions)
    return result
  }

  private func makeContext(_ conditions: UNetConditions) -> UNetContext {
    let blocks = transformerBlocks.enumerated().map { layer, block in
      block.context(
        text: conditions.prompt.embeddings,
        images: conditions.imagePrompts.flatMap { $0.attentions(layer: layer) })
    }
    return UNetContext(
      owner: ObjectIdentifier(self), blocks: blocks, conditions,
      timeEmbedding: timeEmbedding)
  }

  /// Predicts for one time step.
  ///
  /// - Parameters:
  ///   - sample: [B, C, h, w] of any size; already scaled by the sampler.
  ///   - timestep: The time step, in the training schedule's numbering.
  ///   - conditions: As made, or from `prepared(_:)`. Their batch is a multiple of B, to which the
  ///     sample is repeated.
  /// - Returns: [conditions' batch, outChannels, h, w].
  public func callAsFunction(
    _ sample: Tensor, timestep: Float, conditions: UNetConditions
  ) -> Tensor {
    callAsFunction(sample, timesteps: [timestep], conditions: conditions)
  }

  /// Predicts with a time step per sample, as training does.
  ///
  /// - Parameters:
  ///   - sample: [B, C, h, w].
  ///   - timesteps: One, or one per sample of the conditions.
  ///   - conditions: As made, or from `prepared(_:)`.
  /// - Returns: [conditions' batch, outChannels, h, w].
  public func callAsFunction(
    _ sample: Tensor, timesteps: [Float], conditions: UNetConditions
  ) -> Tensor {
    let context = self.context(of: conditions)
    var step = UNetStep(
      time: context.time(timesteps, conditions, timeEmbedding), contexts: context.blocks)
    if conditions.approximation.tokenMerge > 0 {
      step.merging = TokenMerging(
        share: conditions.approximation.tokenMerge, size: finestAttendingSize(of: sample))
    }
    let centered = config.centersSample ? 2 * sample - 1 : sample
    let first = convIn(centered.channelsLast())
    let hidden =
      conditions.recomputesBlocks
      ? recomputing(first, step, conditions)
      : approximated(first, step, conditions) ?? whole(first, step, conditions)
    let output = convOut(convNormOut(hidden, activation: config.activation))
    return output.repeated(toBatch: context.batch).contiguous()
  }

  /// The size of the feature maps of the finest level with attention.
  private func finestAttendingSize(of sample: Tensor) -> (height: Int, width: Int) {
    var size = (height: sample.shape[2], width: sample.shape[3])
    for _ in downBlocks.prefix(while: { $0.attentions.isEmpty }) {
      size = ((size.height + 1) / 2, (size.width + 1) / 2)
    }
    return size
  }

  /// Runs all levels, from the output of the first convolution to the input of the last one.
  private func whole(_ x: Tensor, _ step: UNetStep, _ conditions: UNetConditions) -> Tensor {
    var hidden = x
    var skips = [hidden]
    var features = conditions.controls.features[...]
    for block in downBlocks {
      hidden = block(hidden, step, feature: features.popFirst(), skips: &skips)
    }
    hidden = bottom(hidden, step, feature: features.first, conditions, skips: &skips)
    let last = upBlocks[upBlocks.count - 1]
    for block in upBlocks.dropLast() { hidden = block(hidden, step, skips: &skips) }
    guard case .keep(let features) = conditions.approximation.deepFeatures else {
      return last(hidden, step, skips: &skips)
    }
    let deep = last(hidden, step, skips: &skips, layers: last.deepLayers)
    features.value = deep
    return last(deep, step, skips: &skips, layers: last.shallowLayers)
  }

  /// All levels, each block keeping its inputs alone for the gradient.
  private func recomputing(_ x: Tensor, _ step: UNetStep, _ conditions: UNetConditions) -> Tensor {
    var hidden = x
    var skips = [hidden]
    var features = conditions.controls.features[...]
    for block in downBlocks {
      hidden = block.recomputing(hidden, step, feature: features.popFirst(), skips: &skips)
    }
    hidden = bottom(hidden, step, feature: features.first, conditions, skips: &skips)
    for block in upBlocks { hidden = block.recomputing(hidden, step, skips: &skips) }
    return hidden
  }

  /// Runs only the layers around the deep features, where these are reused; nil where they are not.
  private func approximated(
    _ x: Tensor, _ step: UNetStep, _ conditions: UNetConditions
  ) -> Tensor? {
    guard case .take(let features) = conditions.approximation.deepFeatures,
      let deep = features.value
    else {
      return nil
    }
    var skips = [
      x, downBlocks[0].firstLayer(x, step, feature: conditions.controls.features.first),
    ]
    if let control = conditions.controls.residuals {
      for index in skips.indices { skips[index] = skips[index].adding(control.down[index]) }
    }
    let last = upBlocks[upBlocks.count - 1]
    return last(deep, step, skips: &skips, layers: last.shallowLayers)
  }

  /// Runs the middle block, and adds the tensors of adapters to its output and to the skip
  /// connections.
  private func bottom(
    _ x: Tensor, _ step: UNetStep, feature: Tensor?, _ conditions: UNetConditions,
    skips: inout [Tensor]
  ) -> Tensor {
    if let control = conditions.controls.residuals {
      precondition(control.down.count == skips.count, "\(control.down.count) control residuals")
      for (index, residual) in control.down.enumerated() {
        skips[index] = skips[index].adding(residual)
      }
    }
    var hidden = x
    if let midBlock {
      hidden = midBlock(x, step)
      // As in diffusers, a feature beyond the levels is added here if its shape fits, and is
      // ignored otherwise.
      if let feature, feature.shape.dropFirst() == hidden.shape.dropFirst() {
        hidden = hidden.adding(feature)
      }
    }
    return hidden.adding(conditions.controls.residuals?.mid)
  }

  private func context(of conditions: UNetConditions) -> UNetContext {
    guard let context = conditions.context, context.owner == ObjectIdentifier(self) else {
      return makeContext(conditions)
    }
    return context
  }
}

extension UNet2DConditionModel: ModuleNode, CustomStringConvertible {
  var summary: String { "UNet2DConditionModel" }
  var children: [ModuleChild] {
    [("conv_in", convIn)] + timeEmbedding.children + indexed("down_blocks", downBlocks)
      + indexed("up_blocks", upBlocks) + (midBlock.map { [("mid_block", $0)] } ?? [])
      + [("conv_norm_out", convNormOut), ("conv_out", convOut)]
  }

  /// The modules and their dimensions, one line each.
  public var description: String { tree }
}
