import CImageIO
import Testing

@testable import ResgraphPictures

/// Pictures that claim more than they hold, and damaged ones that a decoder would fill with grey.
@Suite struct HostilePictureTests {
  private func chunk(_ type: String, _ body: [UInt8], length: Int? = nil) -> [UInt8] {
    func bigEndian(_ value: UInt32) -> [UInt8] {
      [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> UInt32($0)) }
    }
    let covered = Array(type.utf8) + body
    return bigEndian(UInt32(length ?? body.count)) + covered
      + bigEndian(cimage_crc32(covered, covered.count))
  }

  /// A good PNG with chunks put in behind its header.
  private func png(inserting chunks: [UInt8]) throws -> [UInt8] {
    let good = try ImageGoldens.bytes("rgb.png")
    return Array(good[..<33]) + chunks + Array(good[33...])
  }

  private func compressed(_ keyword: String, _ stream: [UInt8]) -> [UInt8] {
    chunk("zTXt", Array(keyword.utf8) + [0, 0] + stream)
  }

  @Test func aChunkLongerThanTheFileIsNoTextAndNoPicture() throws {
    let data = try png(inserting: chunk("tEXt", Array("a".utf8), length: 0x7fff_fff0))
    #expect(throws: ImageError.self) { try ImageFile.decode(data, path: "x") }
    #expect(try PNGText.find("a", in: data, path: "x") == nil)
  }

  @Test func textsOfOtherProgramsAreNeverUnpacked() throws {
    // None of these is a zlib stream: unpacking any would be an error.
    let noise = compressed("prompt", [1, 2, 3])
    let text = chunk("tEXt", Array("resgraph\0a graph".utf8))
    let data = try png(inserting: noise + noise + text)
    #expect(try PNGText.find("resgraph", in: data, path: "x") == "a graph")
    #expect(try ImageFile.decode(data, path: "x").width > 0)
    #expect(throws: ImageError.self) { try PNGText.find("prompt", in: data, path: "x") }
  }

  @Test func aTextWithAWrongChecksumIsAnError() throws {
    var text = chunk("tEXt", Array("resgraph\0a graph".utf8))
    text[text.count - 1] ^= 1
    let data = try png(inserting: text)
    #expect(throws: ImageError.self) { try PNGText.find("resgraph", in: data, path: "x") }
  }

  @Test func aTextIsUnpackedToItsLimitOnly() throws {
    let long = String(repeating: "a", count: PNGText.maximumBytes + 1)
    let image = PixelImage(width: 1, height: 1, channels: 3, bytes: [1, 2, 3])
    let refused = try PNGEncoding.encode(image, text: long)
    #expect(throws: ImageError.self) {
      try PNGText.find(PNGEncoding.graphKeyword, in: refused, path: "x")
    }
    let whole = try PNGEncoding.encode(image, text: String(long.dropLast()))
    #expect(
      try PNGText.find(PNGEncoding.graphKeyword, in: whole, path: "x")?.utf8.count
        == PNGText.maximumBytes)
  }

  /// The Exif block of a turned picture: a TIFF header and one entry, orientation 6.
  private static let turned: [UInt8] =
    Array("MM".utf8) + [0, 42, 0, 0, 0, 8, 0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1, 0, 6, 0, 0]

  @Test func aPNGIsTurnedAsItsExifSays() throws {
    let data = try png(inserting: chunk("eXIf", Self.turned))
    let upright = try ImageFile.decode(try ImageGoldens.bytes("rgb.png"), path: "x")
    let image = try ImageFile.decode(data, path: "x")
    #expect(image == EXIFOrientation(code: 6).apply(to: upright))
    #expect(image.width == upright.height)
  }

  @Test(arguments: ["baseline.jpg", "progressive.jpg"])
  func aJPEGWithoutTheEndOfItsScanIsRefused(_ file: String) throws {
    let whole = try ImageGoldens.bytes(file)
    // The end mark is there, so the file does not look truncated.
    let cut = Array(whole.prefix(whole.count * 3 / 4)) + [0xff, 0xd9]
    #expect(throws: ImageError.self) { try ImageFile.decode(cut, path: file) }
  }

  @Test func aJPEGOfVeryManyScansIsRefused() throws {
    let whole = try ImageGoldens.bytes("progressive.jpg")
    let starts = whole.indices.dropLast().filter { whole[$0] == 0xff && whole[$0 + 1] == 0xda }
    // The first scan, again and again: every time the whole picture is gone through.
    let scan = Array(whole[starts[0]..<starts[1]])
    let repeated = Array(repeating: scan, count: 200).flatMap(\.self)
    let data = Array(whole.dropLast(2)) + repeated + [0xff, 0xd9]
    let error = #expect(throws: ImageError.self) { try ImageFile.decode(data, path: "x") }
    #expect(error.map { "\($0)" }?.contains("scans") == true)
  }
}
