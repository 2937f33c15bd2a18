import TensorRuntime
import Testing

@testable import ResgraphPictures

@Suite struct ResamplingTests {
  @Test(arguments: ImageGoldens.all.resizes)
  func equalsPillow(_ golden: ImageGoldens.ResizeCase) throws {
    let source = PixelImage(
      width: 61, height: 43, channels: 3, bytes: try ImageGoldens.bytes("resize-source.bin"))
    let method = try #require(ResamplingMethod(rawValue: golden.method))
    let fit = try #require(ImageFit(rawValue: golden.fit))
    let image = source.fitted(width: golden.width, height: golden.height, fit: fit, method: method)
    let expected = try ImageGoldens.bytes(golden.file)
    #expect(image.bytes == expected, "\(difference(image.bytes, expected))")
  }

  @Test func oneSideFollowsTheOther() {
    let size = PixelSize(width: 60, height: 40)
    #expect(size.scaled(width: 30, height: nil) == PixelSize(width: 30, height: 20))
    #expect(size.scaled(width: nil, height: 80) == PixelSize(width: 120, height: 80))
    #expect(size.scaled(width: nil, height: nil) == size)
    #expect(size.scaled(width: 7, height: 9) == PixelSize(width: 7, height: 9))
  }
}

@Suite struct CannyTests {
  private func edges(
    _ golden: ImageGoldens.EdgeCase, raisedBy shift: Double = 0
  ) throws -> (
    found: PixelImage, expected: [UInt8]
  ) {
    let source = PixelImage(
      width: golden.width, height: golden.height, channels: 3,
      bytes: try ImageGoldens.bytes("canny-\(golden.name)-source.bin"))
    let found = CannyEdges(low: golden.low + shift, high: golden.high + shift)(source)
    return (found, try ImageGoldens.bytes("canny-\(golden.name).bin"))
  }

  @Test(arguments: ImageGoldens.all.edges)
  func equalsOpenCV(_ golden: ImageGoldens.EdgeCase) throws {
    let (found, expected) = try edges(golden)
    #expect(found.bytes == expected, "\(difference(found.bytes, expected))")
  }

  @Test func thresholdsMoveEdges() throws {
    let golden = try #require(ImageGoldens.all.edges.first { $0.name == "e" })
    let (found, expected) = try edges(golden, raisedBy: 9)
    #expect(found.bytes != expected)
  }
}

@Suite struct PixelTensorTests {
  @Test func bytesRoundHalfToEven() {
    #expect(PixelImage.byte(0.5 / 255) == 0)
    #expect(PixelImage.byte(2.5 / 255) == 2)
    #expect(PixelImage.byte(1.5 / 255) == 2)
    #expect(PixelImage.byte(-3) == 0)
    #expect(PixelImage.byte(7) == 255)
    #expect(PixelImage.byte(.nan) == 0)
  }

  @Test func picturesAndTensorsConvertBothWays() {
    let bytes = (0..<2 * 3 * 3).map { UInt8($0 * 13) }
    let image = PixelImage(width: 3, height: 2, channels: 3, bytes: bytes)
    let tensor = image.tensor()
    #expect(tensor.shape == [1, 3, 2, 3])
    #expect(tensor.floats()[6] == Float(bytes[1]) / 255, "green starts after the red plane")
    #expect(PixelImage.pictures(tensor) == [image])
    #expect(PixelImage.pictures(PixelImage.tensor([image, image])) == [image, image])
  }

  @Test func luminanceWeightsSumToOne() {
    let white = PixelImage(width: 1, height: 1, channels: 3, filledWith: 255)
    #expect(white.luminance().bytes == [255])
  }
}

@Suite struct LabelledGridTests {
  @Test func cellsAreEqualAndPicturesCentred() {
    let wide = PixelImage(width: 8, height: 2, channels: 3, filledWith: 10)
    let tall = PixelImage(width: 2, height: 6, channels: 3, filledWith: 20)
    let grid = LabelledGrid(columns: 2, gap: 1).draw([wide, tall], labels: [])
    #expect(grid.width == 2 * 9 + 1)
    #expect(grid.height == 7 + 1)
    func pixel(_ x: Int, _ y: Int) -> UInt8 { grid.bytes[(y * grid.width + x) * 3] }
    #expect(pixel(1, 3) == 10)
    #expect(pixel(1, 2) == 255)
    #expect(pixel(13, 1) == 20)
    #expect(pixel(12, 1) == 255)
  }

  @Test func labelsAreDrawn() {
    let picture = PixelImage(width: 64, height: 16, channels: 3, filledWith: 128)
    let bare = LabelledGrid(columns: 1).draw([picture], labels: [""])
    let labelled = LabelledGrid(columns: 1).draw([picture], labels: ["512x768"])
    #expect(bare.bytes.count { $0 == 24 } == 0)
    // Seven characters' ink, three channels each.
    #expect(labelled.bytes.count { $0 == 24 } > 7 * 10 * 3)
  }

  @Test func longLabelsAreCut() {
    let cut = LabelledGrid.fitting("a very long label", width: 60, scale: 1)
    #expect(cut.count == 10)
    #expect(cut.last == ".")
  }

  @Test func everyCharacterHasInk() {
    for value in UInt32(33)..<127 {
      let scalar = Unicode.Scalar(value) ?? "?"
      let ink = (0..<8).flatMap { y in (0..<5).filter { BitmapFont.isInk(scalar, x: $0, y: y) } }
      #expect(!ink.isEmpty, "\(scalar)")
    }
  }
}
