import Synchronization

/// Where the time of a model goes, by op and problem.
///
/// While a profile is taken, every op with a dispatch table is timed from outside its parallel
/// loops; otherwise the cost is one load.
public enum OpProfile {
  /// What one problem of one op cost.
  public struct Entry: Sendable {
    /// The op, such as `conv2d`.
    public let op: String
    /// Sizes and options of the problem.
    public let problem: String
    /// What computed it.
    public let implementation: String
    /// How often it was computed.
    public var calls: Int
    /// The time of all calls together.
    public var seconds: Double
  }

  private static let isOn = Atomic<Bool>(false)
  private static let entries = Mutex<[String: Entry]>([:])

  /// Begins a profile, forgetting an earlier one.
  public static func start() {
    entries.withLock { $0.removeAll() }
    isOn.store(true, ordering: .relaxed)
  }

  /// Ends the profile.
  ///
  /// - Returns: One entry per problem, the most expensive first.
  public static func stop() -> [Entry] {
    isOn.store(false, ordering: .relaxed)
    return entries.withLock { $0.values.sorted { $0.seconds > $1.seconds } }
  }

  /// Runs an op, timing it while a profile is taken.
  @inline(__always)
  static func measure(
    _ op: String, _ implementation: String, _ problem: @autoclosure () -> String, _ body: () -> Void
  ) {
    guard isOn.load(ordering: .relaxed) else { return body() }
    let clock = ContinuousClock()
    let start = clock.now
    body()
    let elapsed = start.duration(to: clock.now)
    let seconds =
      Double(elapsed.components.seconds) + Double(elapsed.components.attoseconds) * 1e-18
    let problem = problem()
    entries.withLock { entries in
      let key = "\(op) \(problem) \(implementation)"
      var entry =
        entries[key]
        ?? Entry(op: op, problem: problem, implementation: implementation, calls: 0, seconds: 0)
      entry.calls += 1
      entry.seconds += seconds
      entries[key] = entry
    }
  }
}
