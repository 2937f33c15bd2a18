import Foundation
import TensorRuntime
import Testing

@testable import ResgraphCommand

/// What reaches the terminal is text, and what does not reach standard output is not taken for done.
@Suite struct TerminalTests {
  @Test func controlCharactersAreSpeltOut() {
    #expect(
      PrintableText.escaped("a\u{1b}[31mb\0\u{202e}c\u{7f}")
        == "a\\u{1b}[31mb\\u{0}\\u{202e}c\\u{7f}")
    #expect(PrintableText.escaped("é\t👩‍🚀\n日本") == "é\t👩‍🚀\n日本")
  }

  @Test func longMessagesAreCut() {
    let long = PrintableText.message(String(repeating: "x", count: 1_000_000) + "\nnext")
    #expect(
      long.count < 3_000 && long.hasSuffix("\nnext") && long.contains("998000 characters more"))
  }

  @Test(arguments: [["nodes"], ["--version"], ["--help"], ["version"], ["validate", "g.yaml"]])
  func lostResultsAreAFailure(_ arguments: [String]) throws {
    guard FileManager.default.fileExists(atPath: "/dev/full") else { return }
    let command = try Command()
    try command.file("g.yaml", Command.graph())
    let process = try command.start(
      ["-c", "exec \"$0\" \"$@\" > /dev/full", try Command.path("resgraph")] + arguments,
      program: "/bin/sh")
    process.waitUntilExit()
    let result = try command.result(of: process)
    #expect(result.status == 74, "\(result.messages)")
    #expect(result.messages.contains("standard output"))
  }

  @Test func argumentsThatAreNoTextAreRefused() throws {
    let command = try Command()
    try command.file("g.yaml", Command.graph())
    let process = try command.start(
      ["-c", "exec \"$0\" run g.yaml -o \"$(printf 'o\\377')\"", try Command.path("resgraph")],
      program: "/bin/sh")
    process.waitUntilExit()
    #expect(try command.result(of: process).status == 64)
  }
}

/// What a machine cannot give is said, with a code of its own.
@Suite struct LimitTests {
  private func run(limit: String, graph: String = Command.graph()) throws -> Command.Result {
    let command = try Command()
    try command.file("g.yaml", graph)
    let process = try command.start(
      [
        "-c", "ulimit \(limit); exec \"$0\" run g.yaml --progress none",
        try Command.path("resgraph"),
      ], program: "/bin/sh")
    process.waitUntilExit()
    return try command.result(of: process)
  }

  @Test func aRunThatCannotFitIsRefused() throws {
    let graph = Command.graph().replacing("height: 64}", with: "height: 16384, batch: 256}")
    let result = try run(limit: "-v 4000000", graph: graph)
    #expect(result.status == 75, "\(result.messages)")
    #expect(result.messages.contains("MiB"))
  }

  @Test func littleMemoryIsEnoughForALittlePicture() throws {
    let result = try run(limit: "-v 500000")
    #expect(result.status == 0, "\(result.messages)")
  }

  /// Libraries that are loaded may see fewer; the engine sees as many as this process.
  @Test func theProgramUsesAllProcessorsThatItMay() throws {
    let report = try Command().run("doctor")
    let line = try #require(report.lines.first { $0.hasPrefix("threads ") })
    #expect(line.split(separator: " ").last == "\(RuntimeInfo.threadCount)")
  }

  @Test func stacksAreTheProgramsOwn() throws {
    let result = try run(limit: "-s 96")
    #expect(result.status == 0, "\(result.messages)")
  }
}
