import Foundation
import Testing

@Suite struct RunCommandTests {
  @Test func aGraphBecomesAPictureAndItsPathIsPrinted() throws {
    let command = try Command()
    try command.file("g.yaml", Command.graph())
    let result = try command.run("run", "g.yaml")
    #expect(result.status == 0, "\(result.messages)")
    #expect(result.lines == ["out/small/picture.png"])
    let picture = try command.bytes("out/small/picture.png")
    #expect(picture.starts(with: [0x89, 0x50, 0x4e, 0x47]))
    let leftovers = try FileManager.default.contentsOfDirectory(
      atPath: command.folder.appending(path: "out/small").path())
    #expect(leftovers == ["picture.png"])
  }

  @Test func equalRunsGiveEqualBytesForAnyNumberOfThreads() throws {
    let command = try Command()
    try command.file("g.yaml", Command.graph())
    var pictures: [Data] = []
    for (folder, threads) in [("a", "1"), ("b", "1"), ("c", "2"), ("d", "3")] {
      let result = try command.run(
        "run", "g.yaml", "-o", folder, "--threads", threads, "--no-cache")
      #expect(result.status == 0, "\(result.messages)")
      pictures.append(try command.bytes("\(folder)/picture.png"))
    }
    #expect(pictures.allSatisfy { $0 == pictures[0] })
    let other = try command.run("run", "g.yaml", "-o", "e", "--set", "seed=4")
    #expect(other.status == 0)
    #expect(try command.bytes("e/picture.png") != pictures[0])
  }

  @Test func aPictureIsAGraphAgain() throws {
    let command = try Command()
    try command.file("g.yaml", Command.graph())
    #expect(try command.run("run", "g.yaml", "-o", "a", "--set", "seed=9").status == 0)
    let again = try command.run(
      "run", "a/picture.png", "-o", "b", "--metadata", "none", "--no-cache")
    #expect(again.status == 0, "\(again.messages)")
    let plain = try command.run("run", "g.yaml", "-o", "c", "--set", "seed=9", "--metadata", "none")
    #expect(plain.status == 0)
    let expected = try command.bytes("c/picture.png")
    #expect(try command.bytes("b/picture.png") == expected)
    #expect(try command.bytes("a/picture.png").count > expected.count)
    #expect(
      try command.run("run", "a/picture.png", "-o", "d", "--set", "seed=1", "--metadata", "none")
        .status == 0)
    #expect(try command.bytes("d/picture.png") != expected)
    // A picture that was made from a picture is a graph as well.
    #expect(try command.run("run", "a/picture.png", "-o", "e").status == 0)
    let third = try command.run("run", "e/picture.png", "-o", "f")
    #expect(third.status == 0, "\(third.messages)")
    #expect(try command.bytes("f/picture.png") == command.bytes("e/picture.png"))
    let bare = try command.run("run", "c/picture.png")
    #expect(bare.status == 65)
    #expect(bare.messages.contains("carries no graph"))
  }

  @Test func everyKindOfOutputHasItsFile() throws {
    let command = try Command()
    let outputs = """
        picture: {value: $pair.image, path: "shots/seed-{seed}.png"}
        latent: $denoise
        text: $text
      """
    let extra = """
        two: {type: EmptyLatent, width: 64, height: 64, batch: 2}
        both: {type: UNetDenoise, unet: $base.unet, positive: $text, latent: $two, steps: 1}
        pair: {type: VAEDecode, vae: $base.vae, latent: $both}
      """
    try command.file("g.yaml", Command.graph(extra: extra, outputs: outputs))
    let result = try command.run("run", "g.yaml", "-o", "o", "--json")
    #expect(result.status == 0, "\(result.messages)")
    let document = try #require(
      try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any])
    let written = try #require(document["outputs"] as? [[String: Any]])
    let paths = written.flatMap { $0["paths"] as? [String] ?? [] }
    #expect(
      Set(paths) == [
        "o/shots/seed-3-0.png", "o/shots/seed-3-1.png", "o/latent.safetensors",
        "o/text.safetensors",
      ])
    #expect(try header(of: command.bytes("o/latent.safetensors")).contains("\"latent\""))
    #expect(try header(of: command.bytes("o/text.safetensors")).contains("\"text.embeddings\""))
  }

  private func header(of file: Data) -> String {
    let count = file.prefix(8).enumerated().reduce(0) { $0 + Int($1.element) << (8 * $1.offset) }
    return String(decoding: file.dropFirst(8).prefix(count), as: UTF8.self)
  }

  @Test func progressAsJSONIsOneEventPerLine() throws {
    let command = try Command()
    try command.file("g.yaml", Command.graph())
    let result = try command.run("run", "g.yaml", "--progress", "json")
    let events = try result.messages.split(separator: "\n").map { line in
      try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
    }
    let names = events.compactMap { $0?["event"] as? String }
    #expect(names.first == "run.start")
    #expect(names.last == "run.end")
    #expect(names.count { $0 == "node.step" } >= 3)
    #expect(names.contains("output"))
    #expect(result.lines == ["out/small/picture.png"])
  }

  @Test(arguments: [(SIGINT, Int32(130)), (SIGTERM, Int32(143))])
  func aSignalStopsADenoiseWithinAStep(_ signal: Int32, _ status: Int32) throws {
    let command = try Command()
    try command.file("g.yaml", Command.graph())
    let process = try command.start(
      ["run", "g.yaml", "--set", "steps=500", "--set", "width=512", "--progress", "json"])
    while process.isRunning, try steps(command) < 3 { usleep(20_000) }
    // While the process stands still, it can neither finish a step nor take the signal.
    kill(process.processIdentifier, SIGSTOP)
    try waitUntilStopped(process)
    let stepsBefore = try steps(command)
    kill(process.processIdentifier, signal)
    kill(process.processIdentifier, SIGCONT)
    process.waitUntilExit()
    #expect(process.terminationReason == .exit)
    #expect(process.terminationStatus == status)
    // The step under way is finished, and no other begins.
    #expect((stepsBefore...stepsBefore + 1).contains(try steps(command)))
    let end = try command.written("stderr").split(separator: "\n").filter { $0.contains("run.end") }
    #expect(end.count == 1 && end.allSatisfy { $0.contains("\"status\":\(status)") })
    #expect(try command.written("stdout").isEmpty)
  }

  /// Waits until a process that was sent SIGSTOP stands still: state `T` among its facts in /proc.
  private func waitUntilStopped(_ process: Process) throws {
    while process.isRunning {
      let facts = try String(
        contentsOfFile: "/proc/\(process.processIdentifier)/stat", encoding: .utf8)
      if facts[(facts.lastIndex(of: ")") ?? facts.startIndex)...].dropFirst(2).first == "T" {
        return
      }
      usleep(1000)
    }
  }

  /// The steps that are told of, without the start of the node, which is step 0.
  private func steps(_ command: Command) throws -> Int {
    try command.written("stderr").split(separator: "\n").count {
      $0.contains("node.step") && !$0.contains("\"step\":0")
    }
  }
}
