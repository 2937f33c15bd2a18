/// Says which keys of a file were used, and which were not.
public struct LoadReport: Sendable, Equatable {
  /// Keys or modules that were used.
  public var matched: [String]
  /// Keys of the file that nothing uses.
  public var unused: [String]
  /// Keys that the file should have and does not.
  public var missing: [String]
  /// Keys whose tensors have another shape than their target.
  public var shapeMismatched: [String]

  /// Makes a report.
  ///
  /// - Parameters:
  ///   - matched: Keys or modules that were used.
  ///   - unused: Keys that nothing uses.
  ///   - missing: Keys that the file should have.
  ///   - shapeMismatched: Keys of another shape.
  public init(
    matched: [String] = [], unused: [String] = [], missing: [String] = [],
    shapeMismatched: [String] = []
  ) {
    self.matched = matched
    self.unused = unused
    self.missing = missing
    self.shapeMismatched = shapeMismatched
  }

  /// One line with the counts, and the first names of each list but the matched keys.
  public var summary: String {
    var parts = ["\(matched.count) matched"]
    let groups = [
      ("unused", unused), ("missing", missing), ("of another shape", shapeMismatched),
    ]
    for (name, keys) in groups where !keys.isEmpty {
      parts.append("\(keys.count) \(name) (\(listed(keys)))")
    }
    return parts.joined(separator: ", ")
  }

  /// Joins this report with another.
  ///
  /// - Parameter other: A report about other keys.
  /// - Returns: The lists joined.
  public func joined(with other: LoadReport) -> LoadReport {
    LoadReport(
      matched: matched + other.matched, unused: unused + other.unused,
      missing: missing + other.missing, shapeMismatched: shapeMismatched + other.shapeMismatched)
  }
}
