import Foundation

/// The checkpoints of a training: `checkpoint-N` for step N, in its output folder.
///
/// A checkpoint appears whole or not at all: it is written under another name, and renamed.
struct CheckpointFolders {
  let output: String
  private let limit: Int?

  /// Makes the output folder where it is missing.
  init(_ output: String, limit: Int?) throws {
    self.output = output
    self.limit = limit
    try Self.attempt(output) {
      try FileManager.default.createDirectory(
        atPath: output, withIntermediateDirectories: true)
    }
  }

  private static let prefix = "checkpoint-"

  /// The steps that have checkpoints, ascending.
  private var steps: [Int] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: output)) ?? []
    let steps = names.compactMap { name in
      name.hasPrefix(Self.prefix) ? Int(name.dropFirst(Self.prefix.count)) : nil
    }
    return steps.sorted()
  }

  private func path(_ step: Int) -> String { "\(output)/\(Self.prefix)\(step)" }

  /// The folder of the last checkpoint.
  var latest: String? { steps.last.map(path) }

  /// Writes a checkpoint, then removes the oldest ones beyond the limit.
  func save(step: Int, _ write: (_ folder: String) throws -> Void) throws {
    let files = FileManager.default
    let target = path(step)
    let draft = target + ".partial"
    try? files.removeItem(atPath: draft)
    try Self.attempt(draft) {
      try files.createDirectory(atPath: draft, withIntermediateDirectories: true)
    }
    try write(draft)
    // One of the same step is of a training that was begun anew.
    try? files.removeItem(atPath: target)
    try Self.attempt(target) { try files.moveItem(atPath: draft, toPath: target) }
    guard let limit else { return }
    for old in steps.dropLast(limit) { try? files.removeItem(atPath: path(old)) }
  }

  private static func attempt(_ path: String, _ body: () throws -> Void) throws {
    do { try body() } catch {
      throw TrainingError.unwritable(path: path, reason: error.localizedDescription)
    }
  }
}
