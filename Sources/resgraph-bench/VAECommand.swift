import ArgumentParser
import DiffusionModels
import ResgraphWeights
import TensorRuntime

/// Times decoding a latent to a picture.
struct VAECommand: ModelCommand {
  static let configuration = CommandConfiguration(
    commandName: "vae", abstract: "Times the VAE decoder of a checkpoint.")

  @OptionGroup var model: ModelOptions
  @OptionGroup var options: BenchOptions
  @Option(help: "Pictures.") var batch = 1

  var work: String { "vae decode \(model.width)x\(model.height) batch \(batch)" }

  func load(_ checkpoint: CheckpointLayout) throws -> () throws -> Tensor {
    let config = try VAEConfig(json: checkpoint.config(.vae))
    let vae = try AutoencoderKL(WeightScope(checkpoint.source(.vae)), config: config)
    let (width, height) = (model.width / config.downscale, model.height / config.downscale)
    let latent = try model.input(
      "latent", shape: [batch, config.latentChannels, height, width], seed: 1)
    return { vae.decode(latent) }
  }
}
