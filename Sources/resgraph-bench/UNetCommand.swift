import ArgumentParser
import DiffusionModels
import ResgraphWeights
import TensorRuntime

/// Times one denoising step's network.
struct UNetCommand: ModelCommand {
  static let configuration = CommandConfiguration(
    commandName: "unet", abstract: "Times the UNet of a checkpoint.")

  @OptionGroup var model: ModelOptions
  @OptionGroup var options: BenchOptions
  @Option(help: "Texts; with guidance, two.") var batch = 2
  @Flag(help: "One latent per text, instead of one latent shared by all as guidance has it.")
  var separateLatents = false

  var work: String { "unet \(model.width)x\(model.height) batch \(batch)" }

  func load(_ checkpoint: CheckpointLayout) throws -> () throws -> Tensor {
    let unet = try UNetBenchmark(checkpoint)
    let sample = try model.input(
      "sample",
      shape: [
        separateLatents ? batch : 1, unet.model.config.inChannels, model.height / 8,
        model.width / 8,
      ], seed: 1)
    let text = try model.input("text", shape: unet.textShape(batch: batch), seed: 2)
    return unet.step(sample: sample, text: text)
  }
}

/// A checkpoint's UNet, ready to be timed.
struct UNetBenchmark {
  let model: UNet2DConditionModel

  /// Opens the UNet of a checkpoint.
  init(_ checkpoint: CheckpointLayout) throws {
    let config = try UNetConfig(json: checkpoint.config(.unet))
    model = try UNet2DConditionModel(WeightScope(checkpoint.source(.unet)), config: config)
  }

  /// The shape of the texts of a batch.
  func textShape(batch: Int) -> [Int] { [batch, 77, model.config.crossAttentionWidth] }

  /// The call of one step of 25, with what a run computes once for all steps computed ahead.
  func step(sample: Tensor, text: Tensor) -> () -> Tensor {
    var unprepared = UNetConditions(text: text)
    unprepared.run.timesteps = (0..<25).map { Float(20 + 40 * $0) }
    let conditions = model.prepared(unprepared)
    return { model(sample, timestep: 500, conditions: conditions) }
  }

  /// One step's call on made-up inputs for a square picture.
  func step(side: Int, batch: Int) -> () -> Tensor {
    var generator = TorchGenerator(seed: 1)
    return step(
      sample: generator.randn([1, model.config.inChannels, side / 8, side / 8]),
      text: generator.randn(textShape(batch: batch)))
  }
}
