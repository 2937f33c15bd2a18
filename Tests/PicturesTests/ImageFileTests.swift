import Foundation
import TestSupport
import Testing

@testable import ResgraphPictures

@Suite struct ImageFileTests {
  @Test(arguments: ImageGoldens.all.files)
  func readsWhatPillowReads(_ golden: ImageGoldens.FileCase) throws {
    let path = ImageGoldens.folder.appending(path: golden.file).path()
    guard golden.mode != "refused" else {
      #expect(throws: ImageError.self) { try ImageFile.read(path: path) }
      return
    }
    let image = try ImageFile.read(path: path)
    let expected = try ImageGoldens.bytes(golden.file + ".bin")
    #expect(image.width == golden.width)
    #expect(image.height == golden.height)
    #expect(image.channels == golden.mode.count)
    #expect(image.bytes == expected, "\(difference(image.bytes, expected))")
    let size = try ImageFile.size(path: path)
    #expect(size.width == golden.width)
    #expect(size.height == golden.height)
  }

  @Test(arguments: [
    "rgb.png", "interlaced.png", "palette-4bit.png", "baseline.jpg", "progressive.jpg",
  ])
  func everyTruncationIsAnError(_ file: String) throws {
    let whole = try ImageGoldens.bytes(file)
    for count in 0..<whole.count - 2 {
      #expect(throws: ImageError.self, "\(count) of \(whole.count) bytes") {
        try ImageFile.decode(Array(whole.prefix(count)), path: file)
      }
    }
  }

  @Test(arguments: [
    "rgba.png", "palette.png", "interlaced.png", "progressive.jpg", "orientation-6.jpg",
  ])
  func damagedBytesNeverCrash(_ file: String) throws {
    let whole = try ImageGoldens.bytes(file)
    var state: UInt64 = 0x9e37_79b9
    for _ in 0..<2_000 {
      var damaged = whole
      for _ in 0..<3 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        damaged[Int(state >> 33) % whole.count] = UInt8(truncatingIfNeeded: state >> 20)
      }
      do {
        let image = try ImageFile.decode(damaged, path: file)
        #expect(image.bytes.count == image.width * image.height * image.channels)
      } catch is ImageError {
        continue
      }
    }
  }

  @Test func hugeSizesAreRefusedBeforeMemoryIsTaken() throws {
    var data = try ImageGoldens.bytes("rgb.png")
    // The width and height of IHDR, with its checksum made good again.
    data.replaceSubrange(16..<24, with: [0, 0, 0x7f, 0xff, 0, 0, 0x0f, 0xff])
    data.replaceSubrange(29..<33, with: crc(data[12..<29]))
    #expect(throws: ImageError.tooLarge(path: "x.png", width: 32_767, height: 4_095)) {
      try ImageFile.decode(data, path: "x.png")
    }
  }

  @Test func foreignFilesAreNamed() throws {
    let gif = ImageGoldens.folder.appending(path: "picture.gif").path()
    #expect(throws: ImageError.unknownFormat(path: gif, kind: "a GIF")) {
      try ImageFile.read(path: gif)
    }
    #expect(throws: ImageError.unknownFormat(path: "x", kind: "empty")) {
      try ImageFile.decode([], path: "x")
    }
    #expect(throws: ImageError.self) { try ImageFile.read(path: "/nowhere/at/all.png") }
  }

  private func crc(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
    var value: UInt32 = 0xffff_ffff
    for byte in bytes {
      value ^= UInt32(byte)
      for _ in 0..<8 { value = value & 1 == 1 ? value >> 1 ^ 0xedb8_8320 : value >> 1 }
    }
    value ^= 0xffff_ffff
    return [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> UInt32($0)) }
  }
}

@Suite struct PNGEncodingTests {
  @Test func pixelsAndTextComeBack() throws {
    let source = try ImageFile.read(path: ImageGoldens.folder.appending(path: "rgb.png").path())
    let text = String(repeating: "prompt: \"ein Leuchtturm, \u{706F}\u{53F0}\"\n", count: 200)
    let file = try PNGEncoding.encode(source, text: text)
    let folder = try TemporaryFolder()
    let path = try folder.write(file, to: "picture.png")
    #expect(try ImageFile.read(path: path) == source)
    #expect(try ImageFile.text(path: path, keyword: PNGEncoding.graphKeyword) == text)
    #expect(try ImageFile.text(path: path, keyword: "other") == nil)
    let plain = try PNGEncoding.encode(source, text: nil)
    #expect(file.count < plain.count + 1_000, "the text is compressed")
    #expect(try PNGEncoding.encode(source, text: text) == file)
  }

  @Test func greyIsWrittenAsRGB() throws {
    let grey = PixelImage(width: 2, height: 1, channels: 1, bytes: [7, 200])
    let decoded = try ImageFile.decode(try PNGEncoding.encode(grey, text: nil), path: "x")
    #expect(decoded.bytes == [7, 7, 7, 200, 200, 200])
  }
}
