import Synchronization

/// What of the files that nodes name goes into the nodes' keys.
public enum FileKeys: Sendable {
  /// What the file system says of them: keys that mean nothing in another process.
  case identities
  /// Digests of their contents, however long it takes to read them.
  case contents
  /// Digests where they are remembered or quickly found. A model of gigabytes that nobody has digested
  /// yet counts by its identity instead, and is digested beside the run, before results are stored:
  /// the first step need not wait for it.
  case contentsOrLater
}

/// How much may be read to find digests before a run begins.
final class DigestAllowance: Sendable {
  /// Thrown where no more may be read.
  struct Exhausted: Error {}

  /// A quarter of a gigabyte is digested in a fraction of a second.
  static let megabytes = 256

  private let left: Atomic<Int>

  init(megabytes: Int = DigestAllowance.megabytes) { left = Atomic(megabytes) }

  /// Takes a megabyte; files that are shorter, or end, count as one.
  func take() throws {
    let (old, _) = left.subtract(1, ordering: .relaxed)
    guard old > 0 else { throw Exhausted() }
  }
}
