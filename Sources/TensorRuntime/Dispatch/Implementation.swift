import Synchronization

/// The reason why an implementation cannot compute a problem.
struct Refusal: Sendable, Equatable, CustomStringConvertible {
  let reason: String

  init(_ reason: String) { self.reason = reason }

  var description: String { reason }
}

/// One way to compute an op.
///
/// `Body` is a function for ops without weights, and for layers a closure that makes a kernel from
/// the layer's weights.
struct Implementation<Problem: Sendable, Body: Sendable>: Sendable {
  /// The name, such as `openblas_im2col`, which is unique within the table.
  let name: String
  /// The instruction set that the processor must have.
  let isa: ISA
  /// Returns nil when the problem can be computed, else the reason why not.
  let accepts: @Sendable (Problem) -> Refusal?
  /// Predicts how many seconds a problem takes; nil for implementations without a prediction.
  let cost: (@Sendable (Problem) -> Double)?
  let body: Body

  init(
    name: String, isa: ISA, accepts: @escaping @Sendable (Problem) -> Refusal? = { _ in nil },
    cost: (@Sendable (Problem) -> Double)? = nil, body: Body
  ) {
    self.cost = cost
    self.name = name
    self.isa = isa
    self.accepts = accepts
    self.body = body
  }
}

/// The implementations of an op, by instruction set, best first; the last one refuses nothing.
struct DispatchTable<Problem: Sendable & CustomStringConvertible, Body: Sendable>: Sendable {
  let op: String
  let implementations: [Implementation<Problem, Body>]

  /// Takes the implementations of each instruction set in the order of preference within it.
  init(op: String, implementations: [Implementation<Problem, Body>]) {
    self.op = op
    self.implementations = ISA.ladder.reversed().flatMap { isa in
      implementations.filter { $0.isa == isa }
    }
  }

  /// Chooses the first implementation within the cap that takes the problem.
  ///
  /// If its cost can be predicted, the cheapest one for the same instruction set is chosen instead.
  func choose(_ problem: Problem) -> Implementation<Problem, Body> {
    let cap = Dispatch.effectiveCap
    if let wanted = Dispatch.only, let found = implementation(wanted, problem, cap) { return found }
    if RuntimeSettings.current.printsDispatch { printChoice(problem, cap) }
    guard let chosen = pick(problem, cap) else {
      preconditionFailure("no implementation of \(op) takes \(problem)")
    }
    return chosen
  }

  private func pick(_ problem: Problem, _ cap: ISA) -> Implementation<Problem, Body>? {
    var best: (implementation: Implementation<Problem, Body>, cost: Double)?
    for implementation in implementations where cap.allows(implementation.isa) {
      if let best, best.implementation.isa != implementation.isa { break }
      guard implementation.accepts(problem) == nil else { continue }
      guard let cost = implementation.cost?(problem) else {
        if best == nil { return implementation }
        continue
      }
      if cost < best?.cost ?? .infinity { best = (implementation, cost) }
    }
    return best?.implementation
  }

  /// The implementation of that name, if it is within the cap and takes the problem.
  private func implementation(
    _ wanted: DispatchRequest, _ problem: Problem, _ cap: ISA
  ) -> Implementation<Problem, Body>? {
    guard
      let found = implementations.first(where: {
        $0.name == wanted.name && cap.allows($0.isa) && $0.accepts(problem) == nil
      })
    else { return nil }
    wanted.noteUse()
    return found
  }

  private func printChoice(_ problem: Problem, _ cap: ISA) {
    var refusals: [String] = []
    let picked = pick(problem, cap)
    let chosen = picked.map { "\($0.name) (\($0.isa))" } ?? "none"
    for implementation in implementations {
      if implementation.name == picked?.name { break }
      let refusal =
        cap.allows(implementation.isa)
        ? implementation.accepts(problem) ?? Refusal("slower")
        : Refusal("needs \(implementation.isa)")
      refusals.append("\(implementation.name): \(refusal)")
    }
    var line = "resgraph: dispatch \(op) \(problem) -> \(chosen)"
    if !refusals.isEmpty { line += "; refused " + refusals.joined(separator: "; ") }
    if Dispatch.isNew(line) { printToStandardError(line) }
  }
}

/// Limits on the choice of implementations within a scope.
public enum Dispatch {
  /// A lower cap than `RESGRAPH_ISA` for the ops called within a scope.
  ///
  /// It serves to compare implementations.
  @TaskLocal public static var cap: ISA?

  /// An implementation that is preferred within a scope.
  ///
  /// Tests and benchmarks set it.
  @TaskLocal static var only: DispatchRequest?

  static var effectiveCap: ISA {
    let allowed = RuntimeSettings.current.isa
    return cap.map { allowed.capped(by: $0) } ?? allowed
  }

  private static let printed = Mutex<Set<String>>([])

  static func isNew(_ line: String) -> Bool {
    printed.withLock { $0.insert(line).inserted }
  }
}

/// Asks for one implementation by name, and remembers whether it was used.
final class DispatchRequest: Sendable {
  let name: String
  private let uses = Atomic<Int>(0)

  init(_ name: String) { self.name = name }

  var wasGranted: Bool { uses.load(ordering: .relaxed) > 0 }

  func noteUse() { uses.wrappingAdd(1, ordering: .relaxed) }
}
