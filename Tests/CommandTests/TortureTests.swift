import Foundation
import Synchronization
import Testing

/// Processes on one cache folder that are killed without warning at random moments.
///
/// `make torture` kills a thousand; `RESGRAPH_TORTURE_KILLS` says how many.
@Suite struct TortureTests {
  private static let kills =
    ProcessInfo.processInfo.environment["RESGRAPH_TORTURE_KILLS"].flatMap { Int($0) } ?? 12
  private static let workers = 4

  /// Runs that share nodes with each other.
  private static let variants: [[String]] = [
    ["--set", "seed=1"], ["--set", "seed=2"],
    ["--set", "seed=1", "--set", "nodes.picture.tile=off"],
    ["--set", "prompt=a boat"], ["--set", "steps=8"],
  ]

  private func arguments(_ variant: Int, _ folder: String, _ more: String...) -> [String] {
    ["run", "g.yaml", "--progress", "none", "-o", folder] + Self.variants[variant] + more
  }

  /// A run with files of its own, in the folder of all.
  private func run(
    _ command: Command, _ arguments: [String], killAfter seconds: Double? = nil
  ) throws -> Int32 {
    let process = try command.start(arguments, quietly: true)
    if let seconds {
      usleep(UInt32(seconds * 1e6))
      kill(process.processIdentifier, SIGKILL)
    }
    process.waitUntilExit()
    return process.terminationStatus
  }

  @Test func killedRunsLeaveNothingWrong() throws {
    let command = try Command()
    try command.file("g.yaml", Command.graph())
    var expected: [Data] = []
    var longest = 0.0
    for variant in Self.variants.indices {
      let start = ContinuousClock.now
      try #require(try run(command, arguments(variant, "whole\(variant)", "--no-cache")) == 0)
      longest = max(longest, Double((ContinuousClock.now - start) / .milliseconds(1)) / 1_000)
      expected.append(try command.bytes("whole\(variant)/picture.png"))
    }
    let left = Atomic(Self.kills)
    let span = longest
    DispatchQueue.concurrentPerform(iterations: Self.workers) { worker in
      while left.subtract(1, ordering: .relaxed).oldValue > 0 {
        let variant = Int.random(in: 0..<Self.variants.count)
        let arguments = arguments(variant, "worker\(worker)")
        #expect(throws: Never.self) {
          try run(command, arguments, killAfter: Double.random(in: 0...span))
        }
      }
    }
    try check(command, expected)
  }

  private func check(_ command: Command, _ expected: [Data]) throws {
    for variant in Self.variants.indices {
      for time in ["first", "second"] {
        let folder = "\(time)\(variant)"
        let process = try command.start(arguments(variant, folder))
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        #expect(try command.written("stderr").isEmpty)
        #expect(try command.bytes("\(folder)/picture.png") == expected[variant])
      }
    }
    let verified = try command.run("cache", "verify")
    #expect(verified.lines.allSatisfy { $0.hasSuffix("results are sound") }, "\(verified.output)")
    // What killed processes left under temporary names goes when it is old.
    for path in try temporaries(command) {
      try FileManager.default.setAttributes(
        [.modificationDate: Date(timeIntervalSinceNow: -7_200)], ofItemAtPath: path)
    }
    #expect(try command.run("cache", "gc").status == 0)
    #expect(try temporaries(command).isEmpty)
  }

  private func temporaries(_ command: Command) throws -> [String] {
    let root = command.folder.appending(path: "cache")
    let files = FileManager.default.enumerator(atPath: root.path())?.allObjects as? [String] ?? []
    return files.filter { $0.contains(".tmp-") }.map { root.appending(path: $0).path() }
  }
}
