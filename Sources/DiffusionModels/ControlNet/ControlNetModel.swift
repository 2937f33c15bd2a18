import Foundation
import ResgraphWeights
import TensorRuntime

/// A copy of a UNet's down blocks that reads a control picture and computes residuals for the UNet.
///
/// Follows diffusers' `ControlNetModel`. Image prompts and the UNet's LoRA have no effect on it.
public final class ControlNetModel: Sendable {
  /// The configuration of the model.
  public let config: ControlNetConfig
  private let convIn: Conv2D
  private let timeEmbedding: UNetTimeEmbedding
  private let stem: ControlNetStem
  private let downBlocks: [UNetDownBlock]
  private let midBlock: UNetMidBlock?
  private let downOutputs: [Conv2D]
  private let midOutput: Conv2D

  /// Builds the model.
  ///
  /// - Parameters:
  ///   - weights: A source with diffusers' names.
  ///   - config: Its configuration.
  /// - Throws: `WeightError` for a tensor that is missing, has another shape or is not used;
  ///   `ModelError` for impossible dimensions.
  public init(_ weights: WeightScope, config: ControlNetConfig) throws {
    self.config = config
    let unet = config.unet
    let first = unet.levels[0].channels
    convIn = try weights.convolution("conv_in", unet.inChannels, first)
    timeEmbedding = try UNetTimeEmbedding(weights, unet)
    stem = try ControlNetStem(weights["controlnet_cond_embedding"], config)
    var contextCount = 0
    var down: [UNetDownBlock] = []
    for level in unet.levels.indices {
      down.append(
        try UNetDownBlock(
          weights["down_blocks"][level], unet, level: level, contextCount: &contextCount))
    }
    downBlocks = down
    midBlock =
      unet.middle == .none
      ? nil : try UNetMidBlock(weights["mid_block"], unet, contextCount: &contextCount)
    downOutputs = try unet.skipChannels.enumerated().map { index, channels in
      try weights["controlnet_down_blocks"].convolution("\(index)", channels, channels, kernel: 1)
    }
    let last = unet.levels[unet.levels.count - 1].channels
    midOutput = try weights.convolution("controlnet_mid_block", last, last, kernel: 1)
    try weights.verifyAllUsed(except: { _ in false })
  }

  /// Reduces a control picture to the size of a latent.
  ///
  /// This is needed once per run.
  ///
  /// - Parameter image: [B, 3, H, W] in 0...1, with `config.downscale` times the latent's sides.
  /// - Returns: The hint for `callAsFunction`, [B, C, h, w].
  public func hint(_ image: Tensor) -> Tensor {
    guard config.reversesChannels else { return stem(image) }
    let planes = (0..<image.shape[1]).reversed().map { image.slice(axis: 1, $0..<($0 + 1)) }
    return stem(Tensor.concatenate(planes, axis: 1))
  }

  /// Computes in advance what is the same for every step, as the UNet's `prepared(_:)` does.
  ///
  /// - Parameter conditions: The conditions of the run, as for the UNet. Image prompts, residuals
  ///   and features in it have no effect.
  /// - Returns: The conditions with the results.
  public func prepared(_ conditions: UNetConditions) -> UNetConditions {
    var result = conditions
    result.context = makeContext(conditions)
    return result
  }

  private func makeContext(_ conditions: UNetConditions) -> UNetContext {
    let attentions = downBlocks.flatMap(\.attentions) + (midBlock?.attentions ?? [])
    return UNetContext(
      owner: ObjectIdentifier(self),
      blocks: attentions.flatMap(\.blocks).map { $0.context(text: conditions.prompt.embeddings) },
      conditions, timeEmbedding: timeEmbedding)
  }

  /// Computes the residuals of one step.
  ///
  /// - Parameters:
  ///   - sample: [B, C, h, w], as the UNet gets it.
  ///   - timestep: The time step.
  ///   - conditions: The conditions, prepared by this model's `prepared(_:)` or not.
  ///   - hint: The result of `hint(_:)`, for one sample or for all.
  ///   - scale: The weight of this ControlNet.
  ///   - guess: Whether the residuals' weights rise from a tenth at the finest level to one in the
  ///     middle, as they do when it has to guess what the picture shows.
  /// - Returns: Residuals for each sample of the conditions; fewer where samples have equal ones.
  public func callAsFunction(
    _ sample: Tensor, timestep: Float, conditions: UNetConditions, hint: Tensor, scale: Float = 1,
    guess: Bool = false
  ) -> ControlResiduals {
    var context = conditions.context ?? makeContext(conditions)
    if context.owner != ObjectIdentifier(self) { context = makeContext(conditions) }
    let step = UNetStep(
      time: context.time([timestep], conditions, timeEmbedding), contexts: context.blocks)
    let batch = max(sample.shape[0], hint.shape[0])
    var hidden = convIn(
      sample.channelsLast().repeated(toBatch: batch), residual: hint.repeated(toBatch: batch))
    var skips = [hidden]
    for block in downBlocks { hidden = block(hidden, step, feature: nil, skips: &skips) }
    hidden = midBlock?(hidden, step) ?? hidden
    let scales = self.scales(count: skips.count + 1, scale: scale, guess: guess)
    let outputs = zip(downOutputs, skips).map { $0($1) } + [midOutput(hidden)]
    var residuals = zip(outputs, scales).map { $1 == 1 ? $0 : $0 * $1 }
    if config.globalPool { residuals = residuals.map { $0.averagedOverPixels() } }
    let mid = residuals.removeLast()
    return ControlResiduals(down: residuals, mid: mid)
  }

  /// The weights of all residuals; the last is the middle block's.
  private func scales(count: Int, scale: Float, guess: Bool) -> [Float] {
    guard guess, !config.globalPool else { return Array(repeating: scale, count: count) }
    return (0..<count).map { index in
      Float(pow(10, -1 + Double(index) / Double(count - 1))) * scale
    }
  }
}

extension ControlNetModel: ModuleNode, CustomStringConvertible {
  var summary: String { "ControlNetModel" }
  var children: [ModuleChild] {
    [("conv_in", convIn)] + timeEmbedding.children + [("controlnet_cond_embedding", stem)]
      + indexed("down_blocks", downBlocks) + (midBlock.map { [("mid_block", $0)] } ?? [])
      + indexed("controlnet_down_blocks", downOutputs) + [("controlnet_mid_block", midOutput)]
  }

  /// The modules and their dimensions, one line each.
  public var description: String { tree }
}

/// Convolutions that bring a control picture to the size and width of the first feature map.
struct ControlNetStem: Sendable {
  private let convIn: Conv2D
  private let blocks: [Conv2D]
  private let convOut: Conv2D

  init(_ weights: WeightScope, _ config: ControlNetConfig) throws {
    let channels = config.stemChannels
    convIn = try weights.convolution("conv_in", config.conditioningChannels, channels[0])
    var blocks: [Conv2D] = []
    for (from, to) in zip(channels, channels.dropFirst()) {
      let scope = weights["blocks"]
      blocks.append(try scope.convolution("\(blocks.count)", from, from))
      blocks.append(try scope.convolution("\(blocks.count)", from, to, stride: 2))
    }
    self.blocks = blocks
    convOut = try weights.convolution(
      "conv_out", channels[channels.count - 1], config.unet.levels[0].channels)
  }

  /// Reduces [B, 3, H, W] to [B, C, h, w].
  func callAsFunction(_ image: Tensor) -> Tensor {
    let first = convIn(image.channelsLast(), activation: .silu)
    return convOut(blocks.reduce(first) { $1($0, activation: .silu) })
  }
}

extension ControlNetStem: ModuleNode {
  var summary: String { "ControlNetConditioningEmbedding" }
  var children: [ModuleChild] {
    [("conv_in", convIn)] + indexed("blocks", blocks) + [("conv_out", convOut)]
  }
}

extension UNetConfig {
  /// The channels of every skip connection; the first is the first convolution's.
  var skipChannels: [Int] {
    let last = levels.count - 1
    return [levels[0].channels]
      + levels.enumerated().flatMap { index, level in
        Array(repeating: level.channels, count: level.layers + (index == last ? 0 : 1))
      }
  }
}

extension Tensor {
  /// Replaces every pixel of a channel by the channel's mean.
  fileprivate func averagedOverPixels() -> Tensor {
    let (batch, channels, pixels) = (shape[0], shape[1], shape[2] * shape[3])
    let values = floats()
    let means = (0..<(batch * channels)).map { row in
      let plane = values[(row * pixels)..<((row + 1) * pixels)]
      return Float(plane.reduce(0.0) { $0 + Double($1) } / Double(pixels))
    }
    return Tensor.zeros(shape).adding(perSampleChannel: Tensor(means, shape: [batch, channels]))
  }
}
