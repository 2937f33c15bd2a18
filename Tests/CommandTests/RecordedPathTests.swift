import Foundation
import Testing

/// A picture's record draws that very picture again, wherever the paths in it came from.
@Suite struct RecordedPathTests {
  private let command: Command

  /// Two pictures of one name, in the current folder and beside the graph.
  init() throws {
    command = try Command()
    for (folder, side) in [(".", 16), ("g", 24)] {
      try command.file(
        "mask.yaml",
        """
        version: 1
        nodes: {m: {type: RectangleMask, width: \(side), height: 8}}
        outputs: {a: $m}
        """)
      let made = try command.run("run", "mask.yaml", "-o", folder, "--metadata", "none")
      #expect(made.status == 0, "\(made.messages)")
    }
    try command.file(
      "g/plain.yaml",
      """
      version: 1
      params: {file: {type: path, default: a.png}}
      nodes: {a: {type: ImageLoad, path: $params.file}}
      outputs: {image: {value: $a.image, path: "deep/er/image"}}
      """)
  }

  private func run(_ arguments: String...) throws {
    let process = try command.start(["run"] + arguments)
    process.waitUntilExit()
    let result = try command.result(of: process)
    #expect(result.status == 0, "\(arguments): \(result.messages)")
  }

  private func pixels(_ folder: String) throws -> Data {
    try run("\(folder)/deep/er/image.png", "-o", "plain", "--metadata", "none")
    return try command.bytes("plain/deep/er/image.png")
  }

  @Test(arguments: ["file=a.png", "nodes.a.path=a.png"])
  func aPathOfTheCommandLineStartsAtTheCurrentFolder(_ set: String) throws {
    try run("g/plain.yaml", "--set", set, "-o", "x", "--metadata", "none")
    try run("g/plain.yaml", "--set", set, "-o", "o")
    try run("g/plain.yaml", "-o", "y", "--metadata", "none")
    let wanted = try command.bytes("x/deep/er/image.png")
    #expect(try command.bytes("y/deep/er/image.png") != wanted)
    #expect(try pixels("o") == wanted)

    // Graph, pictures and outputs move together; what they leave behind is gone.
    let files = FileManager.default
    let moved = command.folder.appending(path: "moved/further")
    try files.createDirectory(at: moved, withIntermediateDirectories: true)
    for name in ["a.png", "g", "o"] {
      try files.moveItem(
        at: command.folder.appending(path: name), to: moved.appending(path: name))
    }
    #expect(try pixels("moved/further/o") == wanted)
  }

  @Test func anOutputFolderMayBeALink() throws {
    let far = command.folder.appending(path: "far/away")
    try FileManager.default.createDirectory(at: far, withIntermediateDirectories: true)
    try FileManager.default.createSymbolicLink(
      at: command.folder.appending(path: "link"), withDestinationURL: far)
    try run("g/plain.yaml", "--set", "file=a.png", "-o", "link/o")
    try run("g/plain.yaml", "--set", "file=a.png", "-o", "x", "--metadata", "none")
    #expect(try pixels("link/o") == command.bytes("x/deep/er/image.png"))
  }
}
