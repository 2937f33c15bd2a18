import Foundation
import TestSupport
import Testing

/// The benchmark program as users run it, in a process of its own.
@Suite struct BenchCommandTests {
  private struct Report: Decodable {
    struct Share: Decodable {
      var kind: String
      var seconds: Double
    }
    var laterAllocations: Int?
    var kinds: [Share]
  }

  private func report(_ arguments: String...) throws -> Report {
    let command = try Command()
    let result = try command.run(program: "resgraph-bench", arguments + ["--json"])
    #expect(result.status == 0, "\(result.messages)")
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    return try decoder.decode(Report.self, from: Data(result.output.utf8))
  }

  /// From its second step on a UNet lives on the memory of its first, with any number of threads.
  @Test(.slow, arguments: [1, 2, 3]) func stepsAfterTheFirstAllocateNothing(threads: Int) throws {
    let found = try report(
      "unet", "--checkpoint", "\(Command.tiny)/model", "--width", "320", "--height", "256",
      "--repeat", "6", "--threads", "\(threads)")
    #expect(found.laterAllocations == 0)
  }

  @Test func aBreakdownAccountsForTheWholeRun() throws {
    let found = try report(
      "unet", "--checkpoint", "\(Command.tiny)/model", "--width", "128", "--height", "128",
      "--repeat", "1", "--breakdown")
    let kinds = Set(found.kinds.map(\.kind))
    #expect(
      kinds.isSuperset(of: [
        "conv3x3", "linear", "attention self", "attention cross", "norm", "other",
      ]))
    #expect(found.kinds.allSatisfy { $0.seconds >= 0 })
  }
}
