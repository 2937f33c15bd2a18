import Foundation
import Testing

/// Runs that are stopped from outside, and go on in another process.
@Suite struct ResumeCommandTests {
  private let command: Command

  init() throws {
    command = try Command()
    try command.file("g.yaml", Command.graph())
  }

  /// Long enough that a signal comes before the end.
  private let arguments = [
    "run", "g.yaml", "--set", "steps=120", "--set", "width=256", "--progress", "json",
  ]

  /// The first step that the last process told of.
  private func firstStep() throws -> Int? {
    for line in try command.written("stderr").split(separator: "\n") {
      let event = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
      if event?["event"] as? String == "node.step" { return event?["step"] as? Int }
    }
    return nil
  }

  private func run(_ more: String...) throws -> Process {
    let process = try command.start(arguments + more)
    process.waitUntilExit()
    return process
  }

  private func snapshots() -> Int {
    let files = FileManager.default.enumerator(
      atPath: command.folder.appending(path: "cache/v1/snapshots").path())
    return (files?.allObjects as? [String] ?? []).count { $0.contains("/") }
  }

  private func expectGoesOn() throws {
    #expect(snapshots() == 1)
    #expect(try run("-o", "resumed").terminationStatus == 0)
    #expect(try (firstStep() ?? 0) > 0)
    #expect(snapshots() == 0)
    #expect(try run("-o", "whole", "--no-cache").terminationStatus == 0)
    #expect(try firstStep() == 0)
    #expect(try command.bytes("resumed/picture.png") == command.bytes("whole/picture.png"))
  }

  @Test(arguments: [SIGINT, SIGTERM])
  func aStoppedRunGoesOn(_ signal: Int32) throws {
    let process = try command.start(arguments)
    while process.isRunning, try !command.written("stderr").contains("\"step\":3") {
      usleep(5_000)
    }
    kill(process.processIdentifier, signal)
    process.waitUntilExit()
    #expect(process.terminationStatus == 128 + signal)
    try expectGoesOn()
  }

  @Test func aRunOutOfTimeGoesOn() throws {
    let process = try run("--timeout", "0.3")
    #expect(process.terminationStatus == 75)
    #expect(try command.written("stderr").contains("the time limit is reached"))
    // The limit may have come before the first step.
    if snapshots() == 1 { try expectGoesOn() }
    #expect(try command.run("run", "g.yaml", "--timeout", "0").status == 64)
  }

  /// Killed without warning, a run loses the last seconds: here all, for it had no time to save more.
  @Test func aKilledRunIsRightTheNextTime() throws {
    let process = try command.start(arguments)
    while process.isRunning, try !command.written("stderr").contains("\"step\":3") {
      usleep(5_000)
    }
    kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
    #expect(try run("-o", "again").terminationStatus == 0)
    #expect(try run("-o", "whole", "--no-cache").terminationStatus == 0)
    #expect(try command.bytes("again/picture.png") == command.bytes("whole/picture.png"))
  }
}
