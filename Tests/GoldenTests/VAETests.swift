import ResgraphWeights
import TensorRuntime
import TestSupport
import Testing

@testable import DiffusionModels

/// The autoencoder against diffusers, both ways, at many sizes.
@Suite struct VAETests {
  private func load(_ name: String) throws -> (GoldenFolder, AutoencoderKL) {
    let golden = try GoldenFolder("vae_\(name)")
    let config = try VAEConfig(json: golden.config())
    return (golden, try AutoencoderKL(WeightScope(golden.weights()), config: config))
  }

  private static let models = ["sd", "plain"]
  private static let sizes = ["square", "odd", "wide", "tall"]

  @Test(arguments: models, sizes)
  func encode(model: String, size: String) throws {
    let (golden, vae) = try load(model)
    let name = "encode_\(size)"
    let (mean, logvar) = vae.encode(try golden("\(name).image"))
    expectClose(mean, try golden("\(name).mean"))
    expectClose(logvar, try golden("\(name).logvar"))
  }

  @Test(arguments: models, sizes)
  func decode(model: String, size: String) throws {
    let (golden, vae) = try load(model)
    let name = "decode_\(size)"
    expectClose(vae.decode(try golden("\(name).latent")), try golden("\(name).image"))
  }

  @Test(arguments: ["both", "wide", "tall", "exact"])
  func decodeTiled(size: String) throws {
    let (golden, vae) = try load("sd")
    let (latent, expected) = (try golden("tiled_\(size).latent"), try golden("tiled_\(size).image"))
    expectClose(vae.decodeTiled(latent), expected)
    expectDiffers(vae.decode(latent), expected, "decoded whole")
    let seams = VAETiling(tilePixels: 32, tileLatents: 4, overlap: 0)
    expectDiffers(vae.decodeTiled(latent, tiling: seams), expected, "without blending")
  }

  @Test func smallLatentsAreDecodedWhole() throws {
    let (golden, vae) = try load("sd")
    let latent = try golden("decode_square.latent")
    expectIdentical(vae.decodeTiled(latent), vae.decode(latent))
  }

  @Test func logVarianceIsClamped() throws {
    let (golden, vae) = try load("loud")
    let (mean, logvar) = vae.encode(try golden("encode.image"))
    let expected = try golden("encode.logvar")
    #expect(expected.floats().max() == 20 && expected.floats().min() == -30)
    expectClose(logvar, expected)
    expectClose(mean, try golden("encode.mean"))
  }

  @Test(arguments: ["square", "odd"])
  func tiny(size: String) throws {
    let golden = try GoldenFolder("vae_tiny")
    let config = try TinyVAEConfig(json: golden.config())
    let vae = try AutoencoderTiny(WeightScope(golden.weights()), config: config)
    let latent = try golden("\(size).latent")
    expectClose(vae.decode(latent), try golden("\(size).decoded"))
    expectClose(vae.encode(try golden("\(size).image")), try golden("\(size).encoded"))
    expectClose(vae.unscaled(vae.scaled(latent)), latent, within: .op)
    #expect(vae.scaled(latent).maxAbs() == latent.maxAbs() * 1.25)
  }

  @Test func parts() throws {
    let golden = try GoldenFolder("vae_parts")
    let weights = WeightScope(try golden.weights())
    var config = VAEConfig(blockOutChannels: [16])
    config.groups = 4
    let mid = try VAEMidBlock(weights["mid"], config)
    expectClose(mid(try golden("mid.input")), try golden("mid.output"))
    let down = try VAELevel(
      weights["encoder_level"], channels: (16, 12), layers: 2, config.resnets, resampling: .down)
    expectClose(down(try golden("encoder_level.input")), try golden("encoder_level.output"))
    let up = try VAELevel(
      weights["decoder_level"], channels: (16, 12), layers: 3, config.resnets, resampling: .up)
    expectClose(up(try golden("decoder_level.input")), try golden("decoder_level.output"))
    config.middleAttends = false
    let mute = try VAEMidBlock(weights["mid"], config)
    expectDiffers(mute(try golden("mid.input")), try golden("mid.output"), "without attention")
  }

  @Test func scaling() throws {
    let latent = Tensor((0..<24).map { Float($0) * 0.25 - 2 }, shape: [2, 6, 2, 1])
    let (golden, vae) = try load("plain")
    // z * std / scale + mean, per channel, as the pipelines of diffusers write it.
    let (mean, std) = (vae.config.latentsMean ?? [], vae.config.latentsStd ?? [])
    #expect(mean.count == 6 && std.count == 6)
    let expected = zip(0..., latent.floats()).map { index, value in
      value * std[index / 2 % 6] / 0.3611 + mean[index / 2 % 6]
    }
    let unscaled = vae.unscaled(latent)
    expectClose(unscaled, Tensor(expected, shape: latent.shape), within: .op)
    expectClose(vae.scaled(unscaled), latent, within: .op)

    var config = try VAEConfig(json: golden.config())
    (config.latentsMean, config.latentsStd) = (nil, nil)
    let shifted = try AutoencoderKL(WeightScope(golden.weights()), config: config)
    let plain = Tensor(latent.floats().map { $0 / 0.3611 + 0.1159 }, shape: latent.shape)
    expectClose(shifted.unscaled(latent), plain, within: .op)
    expectClose(shifted.scaled(plain), latent, within: .op)
  }
}
