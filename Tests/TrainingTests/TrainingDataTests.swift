import Foundation
import ResgraphPictures
import TestSupport
import Testing

@testable import ResgraphTraining

/// Folders of pictures, sound and not.
@Suite struct TrainingDataTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func path(_ name: String) -> String { name.isEmpty ? folder.path : folder.file(name) }

  private func write(_ name: String, _ bytes: [UInt8]) throws { try folder.write(bytes, to: name) }

  private func write(_ name: String, _ text: String) throws { try folder.write(text, to: name) }

  private func picture(_ name: String, _ width: Int, _ height: Int) throws {
    let image = PixelImage(width: width, height: height, channels: 3, filledWith: 90)
    try write(name, try PNGEncoding.encode(image, text: nil))
  }

  private func refusal(_ body: () throws -> PictureFolder) -> String {
    do {
      let folder = try body()
      return "accepted \(folder.entries.count)"
    } catch let error as TrainingError { return error.description } catch { return "\(error)" }
  }

  @Test func tablesAndTextsSayTheSame() throws {
    for name in ["lines", "table", "texts", "split/train"] {
      try picture("\(name)/a.png", 64, 48)
      try picture("\(name)/b.png", 32, 32)
    }
    try write(
      "lines/metadata.jsonl",
      """
      {"file_name": "a.png", "text": "a red, \\"round\\" thing"}

      {"file_name": "b.png", "text": "é"}
      """)
    try write(
      "table/metadata.csv", "file_name,text\r\na.png,\"a red, \"\"round\"\" thing\"\nb.png,é\n")
    for name in ["texts", "split/train"] {
      try write("\(name)/a.txt", "a red, \"round\" thing\n")
      try write("\(name)/b.txt", "é")
    }
    for name in ["lines", "table", "texts", "split"] {
      let entries = try PictureFolder(path: path(name)).entries
      #expect(entries.map(\.caption) == ["a red, \"round\" thing", "é"], "\(name)")
      #expect(
        entries.map(\.size) == [
          TrainingSize(width: 64, height: 48), TrainingSize(width: 32, height: 32),
        ])
    }
  }

  @Test func columnsCanBeChosen() throws {
    try picture("a.png", 32, 32)
    try write("metadata.jsonl", #"{"picture": "a.png", "short": "x", "long": "y", "likes": 3}"#)
    let found = try PictureFolder(path: path(""), imageColumn: "picture", captionColumn: "long")
    #expect(found.entries.map(\.caption) == ["y"])
    let missing = refusal {
      try PictureFolder(path: path(""), imageColumn: "picture", captionColumn: "text")
    }
    #expect(missing.contains("column text") && missing.contains("long, picture, short"))
  }

  @Test func badDataIsNamed() throws {
    #expect(refusal { try PictureFolder(path: path("none")) }.contains("no such folder"))
    try write("empty/readme", "")
    #expect(refusal { try PictureFolder(path: path("empty")) }.contains("no pictures"))
    for (name, text, problem) in [
      ("json", "{\"file_name\": \"a.png\"", "line 1 is not a JSON object"),
      ("number", "3", "line 1 is not a JSON object"),
      ("nothing", "{\"text\": \"x\"}", "row 1 has no column"),
      ("mixed", "{\"file_name\": \"a.png\", \"text\": 3}", "no text in the column text"),
    ] {
      try picture("\(name)/a.png", 32, 32)
      try write("\(name)/metadata.jsonl", text)
      let found = refusal { try PictureFolder(path: path(name)) }
      #expect(found.contains(problem), "\(name): \(found)")
    }
    try write("quote/metadata.csv", "file_name,text\na.png,\"x\n")
    #expect(refusal { try PictureFolder(path: path("quote")) }.contains("quote is not closed"))
    try write("short/metadata.csv", "file_name,text\na.png\n")
    #expect(refusal { try PictureFolder(path: path("short")) }.contains("row 2 has 1 fields"))
    try write("latin/metadata.jsonl", [0x7B, 0xE9, 0x7D])
    #expect(refusal { try PictureFolder(path: path("latin")) }.contains("not UTF-8"))
    // Opened as a text, it would wait for a writer for ever.
    try picture("pipe/a.png", 32, 32)
    #expect(mkfifo(path("pipe/a.txt"), 0o600) == 0)
    #expect(refusal { try PictureFolder(path: path("pipe")) }.contains("a pipe"))
    try picture("text/a.png", 32, 32)
    try write("text/a.txt", [0xFF, 0xFE])
    #expect(refusal { try PictureFolder(path: path("text")) }.contains("not UTF-8"))
  }

  @Test func brokenPicturesAreLeftOutUpToHalf() throws {
    for name in ["a", "b", "c", "d"] {
      try picture("\(name).png", 32, 32)
      try write("\(name).txt", name)
    }
    let whole = try Data(contentsOf: URL(filePath: folder.file("a.png")))
    try write("b.png", Array(whole.prefix(60)))
    try picture("c.png", 1, 1)
    let found = try PictureFolder(path: path(""))
    #expect(found.entries.map(\.caption) == ["a", "d"])
    #expect(found.skipped.map { $0.path.suffix(5) } == ["b.png", "c.png"])
    try picture("d.png", 2000, 20)
    #expect(refusal { try PictureFolder(path: path("")) }.contains("3 of 4 pictures"))
    try write("a.png", "no picture")
    #expect(refusal { try PictureFolder(path: path("")) }.contains("no picture can be used"))
  }

  @Test func sidesAreRoundedHalfToEven() {
    func rounded(_ width: Int, _ height: Int) -> TrainingSize {
      TrainingSize(width: width, height: height).rounded(to: 64)
    }
    #expect(rounded(96, 160) == TrainingSize(width: 128, height: 128))
    #expect(rounded(1, 500) == TrainingSize(width: 64, height: 512))
  }

  @Test func batchesAreOfOneSizeAndHoldEverythingOnce() {
    let sizes = (0..<23).map { TrainingSize(width: 64 * ($0 % 3 + 1), height: 64) }
    let batches = SizeBatches(sizes, batchSize: 4)
    let first = batches.epoch(0, seed: 5)
    #expect(first.count == batches.count && batches.count == 6)
    #expect(first.flatMap(\.self).sorted() == Array(0..<23))
    for batch in first { #expect(batch.count <= 4 && Set(batch.map { sizes[$0] }).count == 1) }
    #expect(first == batches.epoch(0, seed: 5))
    #expect(first != batches.epoch(1, seed: 5) && first != batches.epoch(0, seed: 6))
  }

  @Test func learningRatesFollowTheirSchedules() {
    func factors(_ schedule: LearningRateSchedule) -> [Double] {
      [0, 5, 10, 60, 110].map { schedule.factor(step: $0, warmup: 10, total: 110) }
    }
    #expect(factors(.constant) == [1, 1, 1, 1, 1])
    #expect(factors(.constantWithWarmup) == [0, 0.5, 1, 1, 1])
    #expect(factors(.linear) == [0, 0.5, 1, 0.5, 0])
    let cosine = factors(.cosine)
    #expect(cosine[2] == 1 && abs(cosine[3] - 0.5) < 1e-12 && abs(cosine[4]) < 1e-12)
  }
}
