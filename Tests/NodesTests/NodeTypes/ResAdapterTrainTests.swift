import Foundation
import GraphRuntime
import ResgraphPictures
import TensorRuntime
import TestSupport
import Testing

@testable import Resgraph

/// Training through the node, on the tiny checkpoint.
@Suite struct ResAdapterTrainTests {
  private let model: TinyModel
  private let folder: TemporaryFolder

  init() throws {
    model = try TinyModel()
    folder = try TemporaryFolder()
    for (index, size) in [(64, 64), (64, 64), (96, 64)].enumerated() {
      let pixels = noise([1, 3, size.1, size.0], seed: UInt64(index), scale: 0.4, shift: 0.5)
      try folder.write(
        try PNGEncoding.encode(PixelImage.pictures(pixels)[0], text: nil), to: "data/\(index).png")
      try folder.write("picture \(index)", to: "data/\(index).txt")
    }
  }

  private func node(_ output: String) -> ResAdapterTrain {
    let node = ResAdapterTrain()
    (node.unet, node.textEncoder, node.vae) = (model.unet, model.textEncoder, model.vae)
    node.data = InputPath(folder.file("data"))
    node.outputDir = OutputPath(folder.file(output))
    (node.trainBatchSize, node.maxTrainSteps, node.checkpointingSteps) = (2, 3, 2)
    (node.learningRate, node.minGroupnormUnfreezeResolution) = (1e-2, 0)
    node.gradientCheckpointing = true
    return node
  }

  @Test func whatIsTrainedLoadsAndCounts() throws {
    var train = node("adapter")
    try train.run(model.context)
    var load = ResAdapterLoad()
    (load.unet, load.path) = (model.unet, train.adapter)
    try load.run(model.context)
    func latents(_ unet: UNetRecipe) throws -> Tensor {
      var denoise = try model.denoise(width: 96, height: 64, seed: 1)
      denoise.unet = unet
      try denoise.run(model.context)
      return denoise.denoised.tensor
    }
    expectDiffers(try latents(load.adapted), try latents(model.unet), "with the adapter")
  }

  @Test func badDataIsFoundBeforeTraining() throws {
    let train = node("none")
    train.captionColumn = "text"
    try folder.write(#"{"file_name": "0.png", "caption": "x"}"#, to: "data/metadata.jsonl")
    let errors = model.validationErrors(train)
    #expect(errors.count == 1 && "\(errors)".contains("column text"))
  }
}
