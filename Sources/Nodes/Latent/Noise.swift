import GraphRuntime
import TensorRuntime

/// Draws noise as torch's CPU generator does.
struct Noise: NodeType {
  static let summary = """
    Draws normal random numbers of a latent's shape, equal to torch.randn on the CPU with that seed.
    """

  @Input("The latent whose shape the noise has") var latent: LatentValue
  @Param("Seed of the generator") var seed: Seed
  @Param("How many tensors of that shape are drawn and thrown away first", min: 0, max: 10_000)
  var skip = 0
  @Output("Noise of the latent's shape") var noise: NoiseValue

  init() {}

  mutating func validate(_ context: ValidationContext) throws {
    if let shape = $latent.known?.shape { noise = .predicted(shape) }
  }

  mutating func run(_ context: NodeContext) throws {
    var generator = TorchGenerator(seed: seed.value)
    for _ in 0..<skip {
      try context.checkCancellation()
      _ = generator.randn(latent.shape)
    }
    noise = NoiseValue(generator.randn(latent.shape))
  }
}
