import Foundation
import Testing

/// The speeds that `resgraph-bench tune` stores, as the programs read them.
@Suite struct StoredSpeedsTests {
  private static let ways = ["direct", "winograd2", "winograd4", "winograd6"]

  /// A cache folder in which one way is the fastest with every instruction set.
  private func store(fastest: String, in command: Command) throws {
    try FileManager.default.createDirectory(
      at: command.folder.appending(path: "cache"), withIntermediateDirectories: true)
    var lines = ["resgraph convolution speeds 1"]
    for isa in ["generic", "avx2", "avx512"] {
      for way in Self.ways {
        lines.append("\(isa) \(way) " + (way == fastest ? "1e15 1e15" : "1e7 1e7"))
      }
    }
    try command.file("cache/convolution-speeds.txt", lines.joined(separator: "\n") + "\n")
  }

  private func unet(_ command: Command) throws -> Command.Result {
    try command.run(
      program: "resgraph-bench",
      [
        "unet", "--checkpoint", "\(Command.tiny)/model", "--width", "64", "--height", "64",
        "--repeat", "1",
      ], environment: ["RESGRAPH_VERBOSE": "dispatch"])
  }

  @Test func choicesFollowTheStoredSpeeds() throws {
    let command = try Command()
    for (fastest, name) in [("direct", "patches_"), ("winograd2", "winograd2_")] {
      try store(fastest: fastest, in: command)
      let result = try unet(command)
      #expect(result.status == 0, "\(result.messages)")
      let choices = result.messages.split(separator: "\n").filter {
        $0.contains(" 3x3 ") && !$0.contains("stride") && !$0.contains("-> narrow")
      }
      #expect(!choices.isEmpty, "no choice is printed: \(result.messages)")
      #expect(choices.contains { $0.contains("-> \(name)") })
      for other in ["patches_", "winograd"] where !name.hasPrefix(other) {
        #expect(!choices.contains { $0.contains("-> \(other)") && !$0.contains("few inputs") })
      }
    }
  }

  @Test func aDamagedFileIsNamedAndNotUsed() throws {
    let command = try Command()
    try command.file("graph.yaml", Command.graph())
    let sound = try command.run("run", "graph.yaml", "-o", "sound", "--progress", "none")
    #expect(sound.messages.isEmpty)
    try store(fastest: "direct", in: command)
    let path = "cache/convolution-speeds.txt"
    let text = String(decoding: try command.bytes(path), as: UTF8.self)
    for damaged in ["", String(text.dropLast(3)), text + "avx2 direct 1e9 nan\n", "\0"] {
      try command.file(path, damaged)
      let result = try command.run("run", "graph.yaml", "-o", "out", "--progress", "none")
      #expect(result.status == 0)
      let lines = result.messages.split(separator: "\n")
      #expect(lines.count == 1, "\(lines)")
      #expect(lines.first?.contains("convolution-speeds.txt holds no convolution speeds") == true)
      #expect(try command.bytes("out/picture.png").count > 0)
    }
  }
}
