import DiffusionModels
import ResgraphFiles
import ResgraphPictures
import ResgraphWeights
import TensorRuntime
import Testing

/// Masks as inpainting needs them.
@Suite struct InpaintMaskTests {
  /// 4 by 4 pixels, of which the right half is painted.
  private let mask = Tensor(
    (0..<16).map { $0 % 4 < 2 ? 0.4 : 0.5 }, shape: [1, 1, 4, 4])

  @Test func theMaskIsCutAtOneHalfAtTheLatentsSize() {
    let reduced = InpaintMask(mask).reduced(by: 2)
    #expect(reduced.shape == [1, 1, 2, 2])
    #expect(reduced.floats() == [0, 1, 0, 1])
  }

  @Test func aStrokeThatNoCellHasIsNoticed() {
    func mask(_ painted: (Int, Int) -> Bool) -> InpaintMask {
      InpaintMask(
        Tensor(
          (0..<24 * 16).map { painted($0 / 16, $0 % 16) ? 1 : 0 }, shape: [1, 1, 24, 16]))
    }
    let stroke = { (row: Int, column: Int) in column == 6 }
    #expect(mask(stroke).losesParts(whenReducedBy: 4))
    #expect(mask { stroke($0, $1) || $0 > 20 && $1 > 12 }.losesParts(whenReducedBy: 4))
    #expect(!mask { _, column in column < 7 }.losesParts(whenReducedBy: 4))
    #expect(!mask { _, _ in false }.losesParts(whenReducedBy: 4))
  }

  @Test func whatIsPaintedIsGreyInEveryPictureOfABatch() {
    let pictures = Tensor.full([2, 3, 4, 4], 0.75)
    let covered = InpaintMask(mask).covering(pictures)
    #expect(covered.shape == [2, 3, 4, 4])
    #expect(covered.floats() == (0..<96).map { $0 % 4 < 2 ? 0.75 : 0.5 })
  }

  @Test func channelsAreTheMaskThenThePicture() {
    let channels = InpaintMask.channels(
      Tensor.full([1, 1, 2, 2], 1), Tensor.full([2, 4, 2, 2], 0.25))
    #expect(channels.shape == [2, 5, 2, 2])
    #expect(channels.floats() == (0..<40).map { $0 % 20 < 4 ? 1 : 0.25 })
  }
}

/// How latents relate to pictures.
@Suite struct LatentGeometryTests {
  @Test func theAutoencodersConfigurationDecides() throws {
    let config = try AutoencoderConfig(json: [
      "_class_name": "AutoencoderKL", "latent_channels": 16, "block_out_channels": [32, 32, 32],
      "down_block_types": ["DownEncoderBlock2D", "DownEncoderBlock2D", "DownEncoderBlock2D"],
      "up_block_types": ["UpDecoderBlock2D", "UpDecoderBlock2D", "UpDecoderBlock2D"],
    ])
    #expect(config.geometry == LatentGeometry(channels: 16, scale: 4))
    #expect(config.geometry.latentShape(batch: 2, height: 64, width: 32) == [2, 16, 16, 8])
    let size = LatentGeometry.stableDiffusion.pictureSize([1, 4, 8, 12])
    #expect((size.width, size.height) == (96, 64))
  }
}
