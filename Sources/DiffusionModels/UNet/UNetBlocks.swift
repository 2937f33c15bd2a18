import ResgraphWeights
import TensorRuntime

/// The inputs of one step that every part of a UNet shares.
struct UNetStep: Sendable {
  /// The embedded time step.
  let time: StepTime
  /// The contexts, one per transformer block of the model.
  let contexts: [BlockContext]
  /// Which tokens self-attentions merge; nil for none.
  var merging: TokenMerging?
}

/// Residual blocks of one level on the way down, each followed by a transformer where the level
/// attends, then a downsampler unless it is the last (`DownBlock2D`, `CrossAttnDownBlock2D`).
struct UNetDownBlock: Sendable {
  private let resnets: [ResnetBlock2D]
  let attentions: [Transformer2DModel]
  private let downsampler: Downsample2D?

  /// Loads the block of level `index`.
  ///
  /// - Parameters:
  ///   - weights: The scope of the block.
  ///   - config: The model's configuration.
  ///   - index: The level.
  ///   - contextCount: Contexts of the model so far.
  /// - Throws: `WeightError` for a tensor that is missing or has another shape.
  init(
    _ weights: WeightScope, _ config: UNetConfig, level index: Int, contextCount: inout Int
  ) throws {
    let level = config.levels[index]
    let inputs = config.levels[max(0, index - 1)].channels
    resnets = try (0..<level.layers).map { layer in
      try ResnetBlock2D(
        weights["resnets"][layer], from: layer == 0 ? inputs : level.channels, to: level.channels,
        config.resnets)
    }
    attentions = try loadTransformers(
      weights, depths: level.downDepths, config.transformers(level), contextCount: &contextCount)
    downsampler =
      index == config.levels.count - 1
      ? nil
      : try Downsample2D(
        weights["downsamplers"][0], channels: level.channels, padding: config.downsamplePadding)
  }

  /// Applies the block.
  ///
  /// An adapter's feature is added to the last output before the downsampler where the level
  /// attends, and behind the downsampler where it does not; either way the skip connection of that
  /// place has it too, as in diffusers.
  ///
  /// - Parameters:
  ///   - x: [B, C, H, W].
  ///   - step: What the model sees in this step.
  ///   - feature: What a T2I-Adapter adds to this level.
  ///   - skips: Receives every output, for the way up.
  /// - Returns: The last output.
  func callAsFunction(
    _ x: Tensor, _ step: UNetStep, feature: Tensor?, skips: inout [Tensor]
  ) -> Tensor {
    var hidden = x
    for (index, resnet) in resnets.enumerated() {
      hidden = resnet(hidden, time: step.time)
      if !attentions.isEmpty {
        hidden = attentions[index](hidden, contexts: step.contexts, merging: step.merging)
        if index == resnets.count - 1 { hidden = hidden.adding(feature) }
      }
      skips.append(hidden)
    }
    if let downsampler {
      hidden = downsampler(hidden)
      skips.append(hidden)
    }
    if attentions.isEmpty, feature != nil {
      hidden = hidden.adding(feature)
      skips[skips.count - 1] = hidden
    }
    return hidden
  }

  /// Applies the first residual block alone, with its transformer: the first skip connection.
  func firstLayer(_ x: Tensor, _ step: UNetStep, feature: Tensor?) -> Tensor {
    let hidden = resnets[0](x, time: step.time)
    guard let attention = attentions.first else { return hidden }
    let attended = attention(hidden, contexts: step.contexts, merging: step.merging)
    return resnets.count == 1 ? attended.adding(feature) : attended
  }
}

extension UNetDownBlock: ModuleNode {
  var summary: String { attentions.isEmpty ? "DownBlock2D" : "CrossAttnDownBlock2D" }
  var children: [ModuleChild] {
    indexed("attentions", attentions) + indexed("resnets", resnets)
      + (downsampler.map { [("downsamplers.0", $0)] } ?? [])
  }
}

/// Residual blocks of one level on the way up, each taking a skip connection, followed by a
/// transformer where the level attends, then an upsampler unless it is the finest level
/// (`UpBlock2D`, `CrossAttnUpBlock2D`).
struct UNetUpBlock: Sendable {
  fileprivate let resnets: [ResnetBlock2D]
  let attentions: [Transformer2DModel]
  private let upsampler: Upsample2D?

  /// Loads the block of level `index`, which is `up_blocks.<levels - 1 - index>`.
  ///
  /// - Parameters:
  ///   - weights: The scope of the block.
  ///   - config: The model's configuration.
  ///   - index: The level.
  ///   - contextCount: Contexts of the model so far.
  /// - Throws: `WeightError` for a tensor that is missing or has another shape.
  init(
    _ weights: WeightScope, _ config: UNetConfig, level index: Int, contextCount: inout Int
  ) throws {
    let level = config.levels[index]
    let below = config.levels[min(index + 1, config.levels.count - 1)].channels
    // The last skip connection of a level on the way up is the output of the finer level's
    // downsampler.
    let above = config.levels[max(index - 1, 0)].channels
    resnets = try (0...level.layers).map { layer in
      let hidden = layer == 0 ? below : level.channels
      let skip = layer == level.layers ? above : level.channels
      return try ResnetBlock2D(
        weights["resnets"][layer], from: hidden + skip, to: level.channels, config.resnets)
    }
    attentions = try loadTransformers(
      weights, depths: level.upDepths, config.transformers(level), contextCount: &contextCount)
    upsampler =
      index == 0
      ? nil
      : try Upsample2D(
        weights["upsamplers"][0], channels: level.channels,
        largeTileMap: config.resnets.largeTileMap)
  }

  /// Applies the block.
  ///
  /// - Parameters:
  ///   - x: [B, C, H, W].
  ///   - step: What the model sees in this step.
  ///   - skips: Outputs of the way down; the last are taken. The upsampler reaches the size of the
  ///     one left behind.
  ///   - layers: The residual blocks to apply; all when nil.
  /// - Returns: The last output.
  func callAsFunction(
    _ x: Tensor, _ step: UNetStep, skips: inout [Tensor], layers: Range<Int>? = nil
  ) -> Tensor {
    let layers = layers ?? resnets.indices
    var hidden = x
    for index in layers {
      let skip = skips.removeLast()
      let batch = max(hidden.shape[0], skip.shape[0])
      hidden = resnets[index](
        Tensor.concatenate(
          [hidden.repeated(toBatch: batch), skip.repeated(toBatch: batch)], axis: 1),
        time: step.time)
      if !attentions.isEmpty {
        hidden = attentions[index](hidden, contexts: step.contexts, merging: step.merging)
      }
    }
    guard let upsampler, layers.upperBound == resnets.count else { return hidden }
    return upsampler(hidden, to: skips.last.map { ($0.shape[2], $0.shape[3]) })
  }
}

extension UNetUpBlock: ModuleNode {
  var summary: String { attentions.isEmpty ? "UpBlock2D" : "CrossAttnUpBlock2D" }
  var children: [ModuleChild] {
    indexed("attentions", attentions) + indexed("resnets", resnets)
      + (upsampler.map { [("upsamplers.0", $0)] } ?? [])
  }
}

extension UNetDownBlock {
  /// Applies the block as `callAsFunction` does, keeping its input alone for the gradient.
  func recomputing(
    _ x: Tensor, _ step: UNetStep, feature: Tensor?, skips: inout [Tensor]
  ) -> Tensor {
    var outputs = recomputingForGradient([x]) { inputs in
      var skips: [Tensor] = []
      let last = self(inputs[0], step, feature: feature, skips: &skips)
      return skips + [last]
    }
    let last = outputs.removeLast()
    skips += outputs
    return last
  }
}

extension UNetUpBlock {
  /// Applies the block as `callAsFunction` does, keeping its inputs alone for the gradient.
  func recomputing(_ x: Tensor, _ step: UNetStep, skips: inout [Tensor]) -> Tensor {
    let output = recomputingForGradient([x] + skips) { inputs in
      var skips = Array(inputs.dropFirst())
      return [self(inputs[0], step, skips: &skips)]
    }
    skips.removeLast(resnets.count)
    return output[0]
  }

  /// The residual blocks before the last two, which deep features come from, and those two.
  var deepLayers: Range<Int> { 0..<resnets.count - 2 }
  var shallowLayers: Range<Int> { resnets.count - 2..<resnets.count }
}

/// The bottom: a residual block, and where it attends a transformer and a second residual block
/// (`UNetMidBlock2D`, `UNetMidBlock2DCrossAttn`).
struct UNetMidBlock: Sendable {
  private let resnets: [ResnetBlock2D]
  let attentions: [Transformer2DModel]

  /// Loads the block.
  ///
  /// - Parameters:
  ///   - weights: The scope of the block.
  ///   - config: The model's configuration; its middle is not `none`.
  ///   - contextCount: Contexts of the model so far.
  /// - Throws: `WeightError` for a tensor that is missing or has another shape.
  init(_ weights: WeightScope, _ config: UNetConfig, contextCount: inout Int) throws {
    var level = config.levels[config.levels.count - 1]
    // In diffusers the option of the other levels has no effect on this block.
    level.onlyCrossAttention = false
    var options = config.resnets
    options.outputScale = config.middleScale
    let depths: [Int] = if case .crossAttention(let depth) = config.middle { [depth] } else { [] }
    resnets = try (0...depths.count).map { index in
      try ResnetBlock2D(
        weights["resnets"][index], from: level.channels, to: level.channels, options)
    }
    attentions = try loadTransformers(
      weights, depths: depths, config.transformers(level), contextCount: &contextCount)
  }

  /// Applies the block to [B, C, H, W]; the shape stays.
  func callAsFunction(_ x: Tensor, _ step: UNetStep) -> Tensor {
    var hidden = resnets[0](x, time: step.time)
    for (attention, resnet) in zip(attentions, resnets.dropFirst()) {
      hidden = resnet(
        attention(hidden, contexts: step.contexts, merging: step.merging), time: step.time)
    }
    return hidden
  }
}

extension UNetMidBlock: ModuleNode {
  var summary: String { attentions.isEmpty ? "UNetMidBlock2D" : "UNetMidBlock2DCrossAttn" }
  var children: [ModuleChild] {
    indexed("attentions", attentions) + indexed("resnets", resnets)
  }
}

/// Loads `attentions.0`, `attentions.1`, …, each with its depth.
private func loadTransformers(
  _ weights: WeightScope, depths: [Int], _ options: TransformerOptions, contextCount: inout Int
) throws -> [Transformer2DModel] {
  var transformers: [Transformer2DModel] = []
  for (index, depth) in depths.enumerated() {
    transformers.append(
      try Transformer2DModel(
        weights["attentions"][index], depth: depth, options, contextCount: &contextCount))
  }
  return transformers
}

extension Tensor {
  /// Adds a tensor, if there is one.
  ///
  /// The one with the smaller batch is repeated.
  func adding(_ other: Tensor?) -> Tensor {
    guard let other else { return self }
    let batch = max(shape[0], other.shape[0])
    return repeated(toBatch: batch) + other.repeated(toBatch: batch)
  }
}
