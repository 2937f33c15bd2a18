import Foundation
import Testing

/// Every wrong input ends with its exit code and a message that names the place.
@Suite struct WrongInputTests {
  /// Runs the graph with a text in it replaced, and gives what came of it.
  private func run(
    replacing old: String = "", with new: String = "", _ arguments: String...
  ) throws -> Command.Result {
    let command = try Command()
    var graph = Command.graph()
    if !old.isEmpty {
      #expect(graph.contains(old))
      graph = graph.replacing(old, with: new)
    }
    try command.file("g.yaml", graph)
    let process = try command.start(["run", "g.yaml"] + arguments)
    process.waitUntilExit()
    let result = try command.result(of: process)
    #expect(result.output.isEmpty)
    #expect(!FileManager.default.fileExists(atPath: command.folder.appending(path: "out").path()))
    return result
  }

  @Test func unknownNodeTypesAreNamedWithTheNearest() throws {
    let result = try run(replacing: "VAEDecode", with: "VAEDecod")
    #expect(result.status == 65)
    #expect(result.messages.contains("g.yaml:13:"))
    #expect(result.messages.contains("did you mean `VAEDecode`?"))
  }

  @Test func unknownParametersAndBadValuesAreInvalid() throws {
    let unknown = try run("--set", "sed=4")
    #expect(unknown.status == 65)
    #expect(unknown.messages.contains("seed"))
    let range = try run("--set", "width=100")
    #expect(range.status == 65)
    #expect(range.messages.contains("multiple of 8"))
    let type = try run("--set", "steps=many")
    #expect(type.status == 65)
  }

  @Test func aPictureIsNotWrittenUnderTheNameOfAnotherFormat() throws {
    let result = try run(
      replacing: "picture: $picture.image", with: "picture: {value: $picture.image, path: a.webp}")
    #expect(result.status == 65)
    #expect(result.messages.contains("g.yaml:16:") && result.messages.contains(".png"))
  }

  @Test func missingFilesHaveTheirOwnCode() throws {
    #expect(try run(replacing: "/model\"", with: "/modle\"").status == 66)
    let command = try Command()
    #expect(try command.run("run", "nowhere.yaml").status == 66)
  }

  @Test func brokenFilesAreInvalid() throws {
    let result = try run(replacing: "nodes:", with: "nodes: [")
    #expect(result.status == 65)
    #expect(result.messages.contains("g.yaml:"))
  }

  @Test func anAdapterOfAnotherModelIsLocated() throws {
    let command = try Command()
    let extra = """
        wide: {type: ResAdapterLoad, unet: $base.unet, path: "\(Command.tiny)/resadapter_v2_sdxl"}
        far: {type: UNetDenoise, unet: $wide, positive: $text, latent: $start}
      """
    try command.file("g.yaml", Command.graph(extra: extra, outputs: "  latent: $far"))
    let result = try command.run("validate", "g.yaml")
    #expect(result.status == 65)
    #expect(result.messages.contains("g.yaml:14:"))
    #expect(result.messages.contains("the adapter belongs to another model"))
  }

  @Test func aWordThatIsNoChoiceIsRefused() throws {
    let weighting = try run(
      replacing: "prompt: $params.prompt}", with: "prompt: $params.prompt, weighting: comfi}")
    #expect(weighting.status == 65)
    #expect(weighting.messages.contains("comfy"))
  }

  @Test func usageErrorsAre64() throws {
    #expect(try run("--threads", "0").status == 64)
    #expect(try run("--progress", "loud").status == 64)
    #expect(try run("--no-such-flag").status == 64)
    #expect(try run("--memory", "plenty").status == 64)
    let command = try Command()
    #expect(try command.run("run").status == 64)
    #expect(try command.run("node", "VAEDecod").status == 64)
  }

  @Test func aGraphThatNeedsMoreMemoryThanAllowedIsRefused() throws {
    let result = try run("--memory", "1M")
    #expect(result.status == 75)
  }

  /// Found before anything runs: not one step is taken.
  @Test(arguments: [
    ("taken/below", "\"taken\""), ("/proc/x", "\"/proc/x\""),
    ("blocked", "\"blocked/picture.png\""),
  ])
  func aFolderThatCannotBeWrittenToIsAnIOError(_ folder: String, _ place: String) throws {
    let command = try Command()
    try command.file("g.yaml", Command.graph())
    try command.file("taken", "a file")
    try FileManager.default.createDirectory(
      at: command.folder.appending(path: "blocked/picture.png"), withIntermediateDirectories: true)
    let result = try command.run("run", "g.yaml", "-o", folder, "--progress", "json")
    #expect(result.status == 74, "\(result.status) \(result.messages)")
    #expect(result.messages.contains(place))
    #expect(!result.messages.contains("node.s") && result.output.isEmpty)
  }
}
