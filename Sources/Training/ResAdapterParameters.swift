import ResgraphWeights
import TensorRuntime

/// The parameters of a ResAdapter: a low-rank change of the samplers' convolutions, and gain and offset of the
/// residual blocks' group norms.
struct ResAdapterParameters: Sendable {
  /// By the paths of the layers.
  private(set) var layers = TrainableLayers()

  /// The parameters of the changes, in the order of their names.
  var adapters: [Parameter] {
    layers.adapters.sorted { $0.key < $1.key }.flatMap { [$0.value.down, $0.value.up] }
  }

  /// Gains and offsets, in the order of their names.
  var norms: [Parameter] {
    layers.norms.sorted { $0.key < $1.key }.flatMap { [$0.value.bias, $0.value.weight] }
  }

  /// Makes the parameters that a denoiser's weights have room for.
  ///
  /// The first factor of each change is drawn from a normal distribution of deviation 1 / rank and the second is
  /// zero, so that nothing is changed at first.
  ///
  /// - Parameters:
  ///   - source: The denoiser's weights, by diffusers' names.
  ///   - options: The rank, and what is trained.
  ///   - generator: Where the first factors come from.
  /// - Throws: `WeightError` for weights that cannot be read.
  init(
    _ source: any WeightSource, _ options: TrainingOptions, generator: inout TorchGenerator
  ) throws {
    for key in source.keys where key.hasSuffix(".weight") {
      let path = String(key.dropLast(".weight".count))
      guard let shape = source.entry(key)?.shape else { continue }
      if options.trainLora, Self.isSampler(path), shape.count == 4 {
        let rank = options.rank
        let down = generator.randn([rank] + shape.dropFirst()) / Float(rank)
        layers.adapters[path] = LowRankAdapter(
          down: Parameter("\(path).lora_A", down),
          up: Parameter("\(path).lora_B", Tensor.zeros([shape[0], rank, 1, 1])), scale: 1)
      } else if options.trainNorms, Self.isResidualNorm(path) {
        layers.norms[path] = (
          weight: Parameter(key, Tensor(try source.tensor(key))),
          bias: Parameter("\(path).bias", Tensor(try source.tensor("\(path).bias")))
        )
      }
    }
  }

  /// Whether a path is that of the convolution of a downsampler or an upsampler.
  static func isSampler(_ path: String) -> Bool {
    path.hasSuffix(".conv")
      && (path.contains(".downsamplers.") || path.contains(".upsamplers."))
  }

  /// Whether a path is that of a residual block's group norm.
  static func isResidualNorm(_ path: String) -> Bool {
    path.contains(".resnets.") && (path.hasSuffix(".norm1") || path.hasSuffix(".norm2"))
  }
}
