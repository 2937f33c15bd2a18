import Foundation
import Testing

/// Runs of several processes on one cache folder.
@Suite struct CacheCommandTests {
  private let command: Command

  init() throws {
    command = try Command()
    try command.file("g.yaml", Command.graph())
  }

  /// What a run told of nodes: those that computed, and those that were found, with the source.
  private func events(_ arguments: String...) throws -> (ran: [String], hits: [String]) {
    let process = try command.start(["run", "g.yaml", "--progress", "json"] + arguments)
    process.waitUntilExit()
    let result = try command.result(of: process)
    #expect(result.status == 0, "\(result.messages)")
    var (ran, hits): ([String], [String]) = ([], [])
    for line in result.messages.split(separator: "\n") {
      let event = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
      guard let node = event?["node"] as? String else { continue }
      switch event?["event"] as? String {
      case "node.start": ran.append(node)
      case "node.hit":
        let source = event?["source"] as? String ?? ""
        if source != "validation" { hits.append("\(node) \(source)") }
      default: break
      }
    }
    return (ran, hits)
  }

  @Test func onlyWhatAnEditChangesIsComputed() throws {
    #expect(try events("-o", "a").ran == ["text", "denoise", "picture"])
    let second = try events("-o", "b")
    #expect(second.ran.isEmpty)
    #expect(second.hits == ["picture disk"])
    #expect(try command.bytes("a/picture.png") == command.bytes("b/picture.png"))
    let seed = try events("--set", "seed=4")
    #expect(seed.ran == ["denoise", "picture"])
    #expect(seed.hits == ["text disk"])
    #expect(try events("--set", "prompt=a boat").ran == ["text", "denoise", "picture"])
    let tile = try events("--set", "nodes.picture.tile=off")
    #expect(tile.ran == ["picture"])
    #expect(tile.hits == ["denoise disk"])
    try command.file(
      "g.yaml", Command.graph().replacing("denoise", with: "sampling"))
    #expect(try events("-o", "c").ran.isEmpty)
    // Other arithmetic may give other bits.
    let other = try command.run(
      "run", "g.yaml", "--json", "--progress", "json", "-o", "d",
      environment: ["RESGRAPH_ISA": "generic"])
    #expect(other.messages.contains("node.start"))
  }

  @Test func theCacheCanBeLeftAloneAndOut() throws {
    func entries() -> Int {
      let files = FileManager.default.enumerator(
        atPath: command.folder.appending(path: "cache/v1").path())
      return files?.allObjects.count ?? 0
    }
    #expect(try events("--no-cache").ran.count == 3)
    #expect(entries() == 0)
    #expect(try events("--read-only-cache").ran.count == 3)
    #expect(entries() == 0)
    #expect(try events("--cache", "other").ran.count == 3)
    #expect(try events("--cache", "other", "--read-only-cache").ran.isEmpty)
    #expect(try events().ran.count == 3)
    let full = entries()
    #expect(try events("--read-only-cache").ran.isEmpty)
    #expect(entries() == full)
    #expect(try command.run("run", "g.yaml", "--no-cache", "--cache", "x").status == 64)
  }

  @Test func whereNothingCanBeStoredARunGoesOn() throws {
    try command.file("blocked", "")
    let result = try command.run(
      "run", "g.yaml", "--progress", "none", "--cache", "blocked/cache")
    #expect(result.status == 0)
    #expect(result.lines == ["out/small/picture.png"])
    let lines = result.messages.split(separator: "\n")
    #expect(!lines.isEmpty && lines.allSatisfy { $0.hasPrefix("warning: ") }, "\(lines)")
    #expect(lines.count { $0.contains("results are not kept") } == 1)
  }

  @Test func planAndWhySayWhatWouldRun() throws {
    #expect(try events().ran.count == 3)
    let plan = try command.run("plan", "g.yaml")
    #expect(plan.lines.first?.hasSuffix("hit (disk)") == true, "\(plan.output)")
    let why = try command.run("why", "denoise", "g.yaml", "--set", "seed=8")
    #expect(
      why.lines == ["`denoise` (UNetDenoise): run (changed: seed)", "  seed: 3 -> 8"])
    let text = try command.run("why", "picture", "g.yaml", "--set", "prompt=a boat")
    #expect(text.lines.last?.hasSuffix("prompt: \"a red lighthouse\" -> \"a boat\"") == true)
    #expect(try command.run("why", "nothing", "g.yaml").status == 64)
  }

  @Test func whatIsKeptCanBeCountedCheckedAndRemoved() throws {
    #expect(try events().ran.count == 3)
    let stats = try command.run("cache", "stats")
    #expect(stats.output.contains("results: 3 (1 of TextEncode, 1 of UNetDenoise, 1 of VAEDecode)"))
    #expect(try command.run("cache", "verify").lines == ["3 results are sound"])
    #expect(try command.run("cache", "gc", "--json").status == 0)
    #expect(try events().ran.isEmpty)
    // Nothing fits into a byte; values go a minute after their results.
    #expect(try command.run("cache", "gc", "--cache-limit", "1").output.contains("3 results"))
    #expect(try events().ran.count == 3)
  }

  @Test func runsAreRecorded() throws {
    #expect(try events().ran.count == 3)
    #expect(try events("--set", "seed=4").ran.count == 2)
    let list = try command.run("runs", "list")
    #expect(list.lines.count == 2, "\(list.output)\(list.messages)")
    #expect(list.lines.allSatisfy { $0.contains("small") })
    let shown = try command.run("runs", "show")
    #expect(shown.output.contains("seed: 4"))
    #expect(shown.output.contains("text (TextEncode): found (disk)"))
    let names = list.lines.compactMap { $0.split(separator: " ").first.map(String.init) }
    let difference = try command.run("runs", "diff", names[1], names[0])
    #expect(difference.output.contains("seed: 3 -> 4"), "\(difference.output)")
    #expect(try command.run("runs", "show", "none").status == 66)
  }
}
