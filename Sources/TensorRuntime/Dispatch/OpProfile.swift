import ResgraphFiles
import Synchronization

/// Where the time of a model goes, by op and problem.
///
/// While a profile is taken, every op with a dispatch table is timed from outside its parallel
/// loops. While none is taken, the only cost is one load for each call.
public enum OpProfile {
  /// The classes of ops into which a model's time is broken down.
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

  /// How long one problem of one op took.
  public struct Entry: Sendable {
    /// The class of the op.
    public let kind: Kind
    /// The op, such as `conv2d`.
    public let op: String
    /// Sizes and options of the problem.
    public let problem: String
    /// The name of the implementation that computed it.
    public let implementation: String
    /// The multiplications and additions that a direct algorithm needs for all calls together; 0
    /// for ops whose speed is limited by memory.
    public var operations: Double
    /// How often it was computed.
    public var calls: Int
    /// The time of all calls together.
    public var seconds: Double
  }

  private static let isOn = Atomic<Bool>(false)
  private static let entries = Mutex<[String: Entry]>([:])

  /// Begins a profile, and discards an earlier one.
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

  /// Runs an op, and times it while a profile is taken.
  @inline(__always)
  static func measure(
    _ problem: @autoclosure () -> some ProfiledProblem, _ implementation: String,
    _ body: () -> Void
  ) {
    guard isOn.load(ordering: .relaxed) else { return body() }
    let clock = ContinuousClock()
    let start = clock.now
    body()
    add(problem(), implementation, seconds: start.duration(to: clock.now).inSeconds)
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
  /// The class of the op.
  var kind: OpProfile.Kind { get }
  /// The multiplications and additions that a direct algorithm needs; 0 for ops whose speed is
  /// limited by memory.
  var operations: Double { get }
}

extension ProfiledProblem {
  var operations: Double { 0 }
}

/// An elementwise op without a dispatch table.
struct ValueProblem: ProfiledProblem {
  let op: String
  let count: Int
  var kind: OpProfile.Kind { .elementwise }
  var description: String { "of \(count)" }
}
