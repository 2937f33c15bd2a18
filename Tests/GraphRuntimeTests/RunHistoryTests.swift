import Foundation
import TestSupport
import Testing

@testable import GraphRuntime

/// Loads a model of a size that is not read before a run.
private struct LargeLoad: NodeType {
  static let summary = "Names a large file."
  static let resources = ResourceClass.light
  @Param("The file") var path: InputPath
  @Output("The model") var model: StubModel
  mutating func run(_ context: NodeContext) throws {
    model = StubModel(name: "large", family: "small")
  }
}

@Suite("What differs from the last run")
struct RunHistoryTests {
  private func why(_ session: DiskSession, _ node: String, sets: [String]) throws -> String {
    try session.plan(DiskCacheTests.graph, sets: sets).why(node).joined(separator: "\n")
  }

  @Test func anotherProcessSaysWhatDiffers() throws {
    let session = try DiskSession()
    #expect(
      try why(session, "half", sets: []) == """
        `half` (Divide): run (not cached)
          no earlier run is known
        """)
    try session.run(DiskCacheTests.graph)
    #expect(try why(session, "half", sets: []) == "`half` (Divide): hit (disk)")
    #expect(
      try why(session, "half", sets: ["prompt=a dog", "by=3"]) == """
        `half` (Divide): run (changed: by)
          by: 2 -> 3
          number, from `more` (Sample):
            start, from `draw` (Sample):
              prompt: "a cat" -> "a dog"
        """)
    try session.harness.folder.write("small other", to: "small.model")
    #expect(
      try why(session, "draw", sets: []) == """
        `draw` (Sample): run (changed input: model)
          model, from `base` (ModelLoad):
            path: content of small.model
        """)
    #expect(try session.plan(DiskCacheTests.graph).why("none").isEmpty)
  }

  @Test func aDamagedHistoryIsNone() throws {
    let session = try DiskSession()
    try session.run(DiskCacheTests.graph)
    let folder = session.root + "/v1/history"
    for name in try FileManager.default.contentsOfDirectory(atPath: folder) {
      try session.change("\(folder)/\(name)") { $0 = Array($0.dropLast(7)) }
    }
    #expect(try why(session, "half", sets: ["by=3"]).contains("no earlier run is known"))
  }

  @Test func oldGraphsAreForgotten() throws {
    let session = try DiskSession()
    let folder = session.root + "/v1/history"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    for index in 0..<RunHistory.capacity {
      _ = FileManager.default.createFile(atPath: "\(folder)/\(index).json", contents: nil)
    }
    try session.run(DiskCacheTests.graph)
    let names = try FileManager.default.contentsOfDirectory(atPath: folder)
    #expect(names.count == RunHistory.capacity)
    #expect(try why(session, "half", sets: []) == "`half` (Divide): hit (disk)")
  }

  /// A large file is digested beside the first run; its results are found by the next.
  @Test func aLargeFileDoesNotDelayTheFirstRun() throws {
    let session = try DiskSession(types: stubTypes + [LargeLoad.self])
    let path = try session.harness.folder.write("x", to: "big.model")
    let size = (DigestAllowance.megabytes + 40) << 20
    try #require(truncate(path, off_t(size)) == 0)
    let text = """
      version: 1
      nodes:
        base: {type: LargeLoad, path: big.model}
        draw: {type: Sample, model: $base}
      outputs: {x: $draw}
      """
    let digested = try session.plan(text, fileKeys: .identities)
    let first = try session.plan(text, fileKeys: .contentsOrLater)
    // The key is one of this machine's file, under which nothing is stored.
    #expect(first.steps.map(\.key) == digested.steps.map(\.key))
    #expect(try session.run(first).ran == ["draw"])
    let second = try session.plan(text, fileKeys: .contentsOrLater)
    #expect(
      second.steps.map(\.key) == (try session.plan(text, fileKeys: .contents)).steps.map(\.key))
    #expect(try session.run(second).hits == ["draw disk"])
  }

  @Test func whatChangesDuringARunIsNotStored() throws {
    let session = try DiskSession()
    let plan = try session.plan(DiskCacheTests.graph)
    try session.harness.folder.write("small other", to: "small.model")
    try session.run(plan)
    #expect(session.files(.actions).isEmpty)
  }
}
