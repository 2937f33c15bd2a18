import DiffusionModels
import Foundation
import ResgraphFiles
import Testing

/// CLIP's tokenizer against transformers, on the fixtures of tools/goldens/tokenizer_make.py.
@Suite struct TokenizerGoldenTests {
  private let folder = URL(filePath: #filePath).deletingLastPathComponent()
    .appending(path: "Goldens/tokenizer")

  @Test func tenThousandStrings() throws {
    let tokenizer = CLIPTokenizer.builtIn()
    let strings = try generatedStrings()
    var hashes = try Reader(folder.appending(path: "hashes.bin"))
    var full = try Reader(folder.appending(path: "ids.bin"))
    #expect(strings.count == 10_000)
    var wrong: [Int] = []
    for (index, text) in strings.enumerated() {
      let ids = tokenizer.tokenIDs(text)
      if index < 1_500 {
        let expected = (0..<Int(full.read(UInt16.self))).map { _ in Int(full.read(UInt16.self)) }
        if ids != expected { wrong.append(index) }
      }
      if hash(ids) != hashes.read(UInt64.self) { wrong.append(index) }
    }
    #expect(wrong.isEmpty, "first: \(wrong.prefix(5).map { strings[$0].debugDescription })")
  }

  /// Every scalar of the planes that have characters, side by side and one by one.
  @Test func everyScalar() throws {
    let tokenizer = CLIPTokenizer.builtIn()
    var hashes = try Reader(folder.appending(path: "blocks.bin"))
    var wrong: [String] = []
    for block in Array(0..<0x323) + [0xE00, 0xE01] where !(0xD8...0xDF).contains(block) {
      let scalars = (block * 256..<block * 256 + 256).compactMap { Unicode.Scalar(UInt32($0)) }
      var joined = String.UnicodeScalarView()
      joined.append(contentsOf: scalars)
      let spaced = scalars.map { String($0) }.joined(separator: " ")
      for (name, text) in [("joined", String(joined)), ("spaced", spaced)]
      where hash(tokenizer.tokenIDs(text)) != hashes.read(UInt64.self) {
        wrong.append("\(name) \(String(block, radix: 16))")
      }
    }
    #expect(wrong.isEmpty)
  }

  @Test(arguments: ["plain", "sd1", "sd2", "decoder", "alone", "old_json", "poor"])
  func folderLayouts(_ name: String) throws {
    let data = try Data(contentsOf: folder.appending(path: "folders/cases.json"))
    let cases = try JSONDecoder().decode(FolderCases.self, from: data)
    let expected = try #require(cases.folders[name])
    let tokenizer = try CLIPTokenizer(folder: folder.appending(path: "folders/\(name)").path())
    #expect(tokenizer.padID == expected.pad)
    #expect(tokenizer.maximumLength == expected.length)
    for (index, text) in cases.texts.enumerated() {
      #expect(tokenizer.tokenIDs(text) == expected.bodies[index], "\(text.debugDescription)")
      #expect(tokenizer.encode(text) == expected.padded[index], "\(text.debugDescription)")
      #expect(tokenizer.pieces(text).map(\.token) == expected.tokens[index])
    }
  }

  private struct FolderCases: Decodable {
    struct Folder: Decodable {
      let pad: Int
      let length: Int
      let bodies: [[Int]]
      let padded: [[Int]]
      let tokens: [[String]]
    }
    let texts: [String]
    let folders: [String: Folder]
  }

  private func generatedStrings() throws -> [String] {
    let data = try Data(contentsOf: folder.appending(path: "fragments.json"))
    let fragments = try JSONDecoder().decode([String].self, from: data)
    var reader = try Reader(folder.appending(path: "strings.bin"))
    return (0..<Int(reader.read(UInt32.self))).map { _ in
      // Joined scalar by scalar: String's own joining is the same, but this cannot normalise.
      var text = String.UnicodeScalarView()
      for _ in 0..<Int(reader.read(UInt16.self)) {
        text.append(contentsOf: fragments[Int(reader.read(UInt16.self))].unicodeScalars)
      }
      return String(text)
    }
  }

  private func hash(_ ids: [Int]) -> UInt64 {
    var value: UInt64 = 0xCBF2_9CE4_8422_2325
    for id in ids {
      withUnsafeBytes(of: UInt32(id).littleEndian) { bytes in
        for byte in bytes { value = (value ^ UInt64(byte)) &* 0x100_0000_01B3 }
      }
    }
    return value
  }

  /// Little-endian numbers from a file, one after another.
  private struct Reader {
    private let bytes: [UInt8]
    private var position = 0

    init(_ file: URL) throws { bytes = Array(try Data(contentsOf: file)) }

    mutating func read<T: FixedWidthInteger>(_ type: T.Type) -> T {
      let size = MemoryLayout<T>.size
      let value = bytes[position..<position + size].reversed().reduce(T(0)) { $0 << 8 | T($1) }
      position += size
      return value
    }
  }
}
