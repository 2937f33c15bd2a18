import ResgraphWeights
import TensorRuntime

/// The options that the residual blocks of one model share.
struct ResnetOptions: Sendable {
  /// Width of the time embedding; nil for blocks without one (the autoencoder's).
  var timeChannels: Int?
  var groups: Int
  var eps: Float
  var activation: Activation = .silu
  /// The number by which the sum of both paths is divided.
  var outputScale: Float = 1
  /// The smallest maps, in pixels, for which the fastest convolutions are used.
  var largeTileMap = Conv2D.largeMap
}

/// Two 3x3 convolutions beside a shortcut, conditioned on the time step:
/// `(shortcut(x) + conv2(act(norm2(conv1(act(norm1(x))) + proj(time))))) / scale`.
struct ResnetBlock2D: Sendable {
  private let norm1: GroupNorm
  private let conv1: Conv2D
  private let timeProjection: Linear?
  private let norm2: GroupNorm
  private let conv2: Conv2D
  private let shortcut: Conv2D?
  private let options: ResnetOptions
  private let channels: (input: Int, output: Int)

  init(_ weights: WeightScope, from inputs: Int, to outputs: Int, _ options: ResnetOptions) throws {
    self.options = options
    channels = (inputs, outputs)
    norm1 = try weights.groupNorm("norm1", inputs, groups: options.groups, eps: options.eps)
    conv1 = try weights.convolution(
      "conv1", inputs, outputs, largeTileMap: options.largeTileMap)
    timeProjection = try options.timeChannels.map {
      try weights.linear("time_emb_proj", $0, outputs)
    }
    norm2 = try weights.groupNorm("norm2", outputs, groups: options.groups, eps: options.eps)
    conv2 = try weights.convolution(
      "conv2", outputs, outputs, largeTileMap: options.largeTileMap)
    shortcut =
      inputs == outputs
      ? nil : try weights.convolution("conv_shortcut", inputs, outputs, kernel: 1)
  }

  /// Applies the block.
  ///
  /// - Parameters:
  ///   - x: [B, inputs, H, W].
  ///   - time: Of B or 1 samples; nil for blocks without a time embedding.
  /// - Returns: [B, outputs, H, W]; the larger batch where the time embedding has more samples.
  func callAsFunction(_ x: Tensor, time: StepTime?) -> Tensor {
    let x = x.repeated(toBatch: max(x.shape[0], time?.embedding.shape[0] ?? 1))
    let hidden = conv1(
      norm1(x, activation: options.activation), perChannel: shift(time, batch: x.shape[0]))
    let skip = shortcut?(x) ?? x
    let sum = conv2(norm2(hidden, activation: options.activation), residual: skip)
    return options.outputScale == 1 ? sum : sum / options.outputScale
  }

  /// The numbers that the time step adds to every channel, [batch, outputs]; nil when it adds none.
  private func shift(_ time: StepTime?, batch: Int) -> Tensor? {
    guard let time, let timeProjection else { return nil }
    return time.projected(by: timeProjection).repeated(toBatch: batch)
  }
}

extension ResnetBlock2D: ModuleNode {
  var summary: String { "ResnetBlock2D(\(channels.input) -> \(channels.output))" }
  var children: [ModuleChild] {
    var list: [ModuleChild] = [("norm1", norm1), ("conv1", conv1)]
    if let timeProjection { list.append(("time_emb_proj", timeProjection)) }
    list += [("norm2", norm2), ("conv2", conv2)]
    if let shortcut { list.append(("conv_shortcut", shortcut)) }
    return list
  }
}
