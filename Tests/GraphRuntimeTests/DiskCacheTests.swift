import Foundation
import TestSupport
import Testing

@testable import GraphRuntime

@Suite("Disk cache")
struct DiskCacheTests {
  static let graph = """
    version: 1
    params:
      seed: {type: seed, default: 1}
      prompt: {type: string, default: "a cat"}
      steps: {type: int, default: 3}
      by: {type: int, default: 2}
    nodes:
      base: {type: ModelLoad, path: small.model}
      draw: {type: Sample, model: $base, steps: $params.steps, seed: $params.seed, prompt: $params.prompt}
      more: {type: Sample, model: $base, start: $draw, steps: 10}
      half: {type: Divide, number: $more, by: $params.by}
    outputs:
      result: $half.quotient
    """

  @Test func anotherProcessComputesNothing() throws {
    let session = try DiskSession()
    let first = try session.run(Self.graph)
    #expect(first.ran == ["draw", "more", "half"])
    #expect(first.value == 6)
    let second = try session.run(Self.graph)
    #expect(second.ran.isEmpty)
    #expect(second.hits == ["half disk"])
    #expect(second.value == 6)
  }

  /// A parameter, and the nodes that a change of it computes anew.
  @Test(arguments: [
    ("seed=2", ["draw", "more", "half"]), ("prompt=a dog", ["draw", "more", "half"]),
    ("steps=4", ["draw", "more", "half"]), ("by=3", ["half"]),
    ("nodes.more.steps=11", ["more", "half"]),
  ])
  func anEditComputesWhatFollows(_ set: String, _ nodes: [String]) throws {
    let session = try DiskSession()
    try session.run(Self.graph)
    #expect(try session.run(Self.graph, sets: [set]).ran == nodes)
    #expect(try session.run(Self.graph, sets: [set]).ran.isEmpty)
    #expect(try session.run(Self.graph).ran.isEmpty)
  }

  @Test func anotherNameComputesNothing() throws {
    let session = try DiskSession()
    try session.run(Self.graph)
    let renamed = Self.graph.replacing("draw", with: "first").replacing("half", with: "last")
    #expect(try session.run(renamed).ran.isEmpty)
  }

  @Test func aFileOfTheSameContentElsewhereComputesNothing() throws {
    let session = try DiskSession()
    try session.run(Self.graph)
    try session.harness.folder.write("small alpha", to: "copy.model")
    let moved = Self.graph.replacing("small.model", with: "copy.model")
    #expect(try session.run(moved).ran.isEmpty)
    try session.harness.folder.write("small other", to: "copy.model")
    #expect(try session.run(moved).ran == ["draw", "more", "half"])
  }

  /// Damages every file of a kind, one run after the other.
  @Test(arguments: [CacheStore.Kind.objects, .actions])
  func whatIsDamagedIsComputedAgain(_ kind: CacheStore.Kind) throws {
    let damages: [(inout [UInt8]) -> Void] = [
      { $0[0] ^= 1 }, { $0[$0.count / 2] ^= 0x20 }, { $0[max(0, $0.count - 2)] ^= 4 },
      { $0 = Array($0.dropLast()) }, { $0 = [] }, { $0 += [0x7d] },
      { $0 = Array(repeating: 0, count: $0.count) },
    ]
    let session = try DiskSession()
    try session.run(Self.graph)
    for damage in damages {
      for file in session.files(kind) {
        try session.change(file) { if !$0.isEmpty { damage(&$0) } }
      }
      let again = try session.run(Self.graph)
      #expect(again.value == 6)
      // Of the values that nobody needs now, damage does not show.
      #expect(again.ran.last == "half")
      #expect(try session.run(Self.graph).hits == ["half disk"])
    }
    #expect(session.warnings.all.isEmpty)
    let damaged = try FileManager.default.contentsOfDirectory(atPath: session.root + "/v1/damaged")
    #expect((1...32).contains(damaged.count))
  }

  @Test func whatIsDeletedIsComputedAgain() throws {
    let session = try DiskSession()
    for kind in [CacheStore.Kind.objects, .actions] {
      try session.run(Self.graph)
      for file in session.files(kind) { try FileManager.default.removeItem(atPath: file) }
      let again = try session.run(Self.graph)
      #expect(again.ran == ["draw", "more", "half"])
      #expect(again.value == 6)
    }
  }

  /// A value that goes between the plan and its use is computed, and what it needs.
  @Test(arguments: [true, false])
  func whatIsLostDuringARunIsComputed(_ isDeleted: Bool) throws {
    let session = try DiskSession()
    try session.run(Self.graph)
    let cache = session.cache
    let plan = try session.plan(Self.graph, sets: ["by=5"], cache: cache)
    #expect(plan.steps.map(\.node.id) == ["more", "half"])
    for file in session.files(.objects) {
      if isDeleted {
        try FileManager.default.removeItem(atPath: file)
      } else {
        try session.change(file) { $0[0] ^= 1 }
      }
    }
    let run = try session.run(plan, cache: cache)
    #expect(run.value == 2)
    #expect(run.ran == ["draw", "more", "half"])
  }

  /// Files of another form of the cache, and those of other programs.
  @Test func whatIsForeignIsNotRead() throws {
    let session = try DiskSession()
    try session.run(Self.graph)
    for file in session.files(.actions) {
      try session.change(file) { bytes in
        let text = String(decoding: bytes, as: UTF8.self)
        bytes = Array(text.replacing("\"form\":1", with: "\"form\":0").utf8)
      }
    }
    #expect(try session.run(Self.graph).ran == ["draw", "more", "half"])
    // A record under another key is not that key's.
    let files = session.files(.actions)
    for file in files {
      try FileManager.default.removeItem(atPath: file)
      try FileManager.default.createDirectory(atPath: file, withIntermediateDirectories: true)
    }
    #expect(try session.run(Self.graph).value == 6)
  }

  @Test func aRecordCountsForItsOwnKeyAlone() throws {
    let session = try DiskSession()
    try session.run(Self.graph)
    let plan = try session.plan(Self.graph, sets: ["by=5"])
    let other = try session.plan(Self.graph)
    let store = CacheStore(root: session.root)
    func path(_ plan: Plan) throws -> String {
      store.path(.actions, try #require(plan.steps.last).key.hex)
    }
    try FileManager.default.createDirectory(
      atPath: (path(plan) as NSString).deletingLastPathComponent,
      withIntermediateDirectories: true)
    try FileManager.default.copyItem(atPath: path(other), toPath: path(plan))
    #expect(try session.run(Self.graph, sets: ["by=5"]).value == 2)
  }

  @Test func whereNothingCanBeStoredARunWarnsOnce() throws {
    let session = try DiskSession()
    // A file in the place of the folder refuses even the administrator.
    try session.harness.folder.write("in the way", to: "cache")
    let run = try session.run(Self.graph)
    #expect(run.value == 6)
    #expect(run.ran.count == 3)
    #expect(session.warnings.all.count == 1)
  }

  @Test func aReadOnlyCacheIsReadAndLeftAsItIs() throws {
    let session = try DiskSession()
    try session.run(Self.graph)
    let files = session.files(.objects) + session.files(.actions)
    let cache = DiskCache(root: session.root, isWritable: false)
    let plan = try session.plan(Self.graph, sets: ["by=3"], cache: cache)
    let run = try session.run(plan, cache: cache)
    #expect(run.hits == ["more disk"])
    #expect(run.ran == ["half"])
    #expect(session.files(.objects) + session.files(.actions) == files)
    #expect(try session.run(Self.graph, sets: ["by=3"]).ran == ["half"])
  }

  @Test func onlyWhatComputesAndHasAStoredFormIsStored() throws {
    let session = try DiskSession()
    let text = """
      version: 1
      nodes:
        base: {type: ModelLoad, path: small.model}
        ten: {type: Constant, value: 10}
        draw: {type: Sample, model: $base, start: $ten, cache: never}
      outputs: {x: $draw}
      """
    for _ in 0..<2 { #expect(try session.run(text).ran == ["ten", "draw"]) }
    #expect(session.files(.actions).isEmpty)
  }

  @Test func plainValuesComeBack() throws {
    #expect(try Int(encoded: 12.encoded()) == 12)
    #expect(try Int(encoded: Int.min.encoded()) == Int.min)
    #expect(try Double(encoded: 0.1.encoded()) == 0.1)
    #expect(try Double(encoded: 3.0.encoded()) == 3)
    #expect(try Bool(encoded: true.encoded()))
    for text in ["", "a \"b\"\n\u{7f}\u{0}", "😀"] {
      #expect(try String(encoded: text.encoded()) == text)
    }
    #expect(throws: PortValueError.self) { try Double.infinity.encoded() }
    #expect(throws: PortValueError.self) { try InputPath("x").encoded() }
    #expect(throws: (any Error).self) { try Int(encoded: Array("\"x\"".utf8)) }
  }
}
