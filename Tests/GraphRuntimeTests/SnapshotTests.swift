import Foundation
import GraphRuntime
import Testing

/// The exact text of what the validator says about the graphs in `Snapshots`.
///
/// With `RECORD_SNAPSHOTS=1` the expected texts are written anew, and the test fails.
@Suite("Validator messages")
struct SnapshotTests {
  static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("Snapshots").path

  static let names: [String] =
    ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [])
    .filter { $0.hasSuffix(".yaml") }.map { String($0.dropLast(5)) }.sorted()

  @Test func snapshotsAreThere() { #expect(Self.names.count >= 20) }

  @Test(arguments: names) func message(_ name: String) throws {
    let harness = try Harness()
    let text = try String(contentsOfFile: "\(Self.folder)/\(name).yaml", encoding: .utf8)
    let found = harness.problems(text)
    let path = "\(Self.folder)/\(name).txt"
    if ProcessInfo.processInfo.environment["RECORD_SNAPSHOTS"] == "1" {
      try found.write(toFile: path, atomically: true, encoding: .utf8)
      Issue.record("recorded \(name)")
    }
    #expect(found == (try String(contentsOfFile: path, encoding: .utf8)))
  }
}
