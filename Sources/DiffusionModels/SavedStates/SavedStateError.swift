/// A saved state of a run cannot be used: it is damaged, or belongs to another run.
public struct SavedStateError: Error, Sendable, Equatable, CustomStringConvertible {
  /// What is wrong with it.
  public let reason: String

  /// Says what is wrong.
  ///
  /// - Parameter reason: A few words, such as "truncated".
  public init(_ reason: String) { self.reason = reason }

  /// One sentence for people.
  public var description: String { "saved state: \(reason)" }
}
