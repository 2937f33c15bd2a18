import Synchronization

/// Where the time of a model goes, by op and problem.
///
/// While a profile is taken, every op with a dispatch table is timed from outside its parallel
/// loops; otherwise the cost is one load.
public enum OpProfile {
  /// What an op is for, as a model's time is broken down.
  public enum Kind: String, Sendable, CaseIterable {
    case conv3x3
    case conv1x1
    /// Convolutions of other sizes.
    case convOther = "conv other"
    case linear
    case selfAttention = "attention self"
    case crossAttention = "attention cross"
    case norm
    /// Everything that touches each value once: activations, sums, copies, changes of layout.
    case elementwise
  }

  /// What one problem of one op cost.
  public struct Entry: Sendable {
    /// What the op is for.
    public let kind: Kind
    /// The op, such as `conv2d`.
    public let op: String
    /// Sizes and options of the problem.
    public let problem: String
    /// What computed it.
    public let implementation: String
    /// Multiplications and additions of the direct method in all calls together; 0 where memory is
    /// the limit.
    public var operations: Double
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
    _ problem: @autoclosure () -> some ProfiledProblem, _ implementation: String,
    _ body: () -> Void
  ) {
    guard isOn.load(ordering: .relaxed) else { return body() }
    let clock = ContinuousClock()
    let start = clock.now
    body()
    let elapsed = start.duration(to: clock.now).components
    add(
      problem(), implementation,
      seconds: Double(elapsed.seconds) + Double(elapsed.attoseconds) * 1e-18)
  }

  private static func add(
    _ problem: some ProfiledProblem, _ implementation: String, seconds: Double
  ) {
    let text = problem.description
    entries.withLock { entries in
      let key = "\(problem.op) \(text) \(implementation)"
      var entry =
        entries[key]
        ?? Entry(
          kind: problem.kind, op: problem.op, problem: text, implementation: implementation,
          operations: 0, calls: 0, seconds: 0)
      entry.operations += problem.operations
      entry.calls += 1
      entry.seconds += seconds
      entries[key] = entry
    }
  }
}

/// A problem whose time can be taken.
protocol ProfiledProblem: CustomStringConvertible {
  /// The op, such as `conv2d`.
  var op: String { get }
  /// What the op is for.
  var kind: OpProfile.Kind { get }
  /// Multiplications and additions of the direct method; 0 where memory is the limit.
  var operations: Double { get }
}

extension ProfiledProblem {
  var operations: Double { 0 }
}

/// Work on each value of a tensor that has no dispatch table.
struct ValueProblem: ProfiledProblem {
  let op: String
  let count: Int
  var kind: OpProfile.Kind { .elementwise }
  var description: String { "of \(count)" }
}
