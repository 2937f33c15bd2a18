import Foundation
import GraphRuntime
import ResgraphFiles
import Synchronization
import Testing

/// Counts how many run at once.
final class Gauge: Sendable {
  private let state = Mutex((now: 0, most: 0))
  var most: Int { state.withLock { $0.most } }
  func enter() { state.withLock { $0 = ($0.now + 1, max($0.most, $0.now + 1)) } }
  func leave() { state.withLock { $0.now -= 1 } }
}

/// Two threads that must meet: each waits until the other is there.
final class Meeting: @unchecked Sendable {
  private let condition = NSCondition()
  private var count = 0

  /// Whether the other came within ten seconds.
  func arrive() -> Bool {
    condition.lock()
    defer { condition.unlock() }
    count += 1
    condition.broadcast()
    let limit = Date().addingTimeInterval(10)
    while count < 2 {
      if !condition.wait(until: limit) { return false }
    }
    return true
  }
}

/// A value whose life a test can follow.
final class Tracked: Sendable {
  let alive: Gauge
  init(_ alive: Gauge) {
    self.alive = alive
    alive.enter()
  }
  deinit { alive.leave() }
}

private struct Ballast: PortValue {
  static let typeName = "Ballast"
  let tracked: Tracked
}

private struct MakeBallast: NodeType {
  static let summary = "Makes a tracked value."
  static let resources = ResourceClass.io
  @Param("To tell nodes apart") var id = 0
  @Output("The value") var ballast: Ballast
  @Output("Another that nobody uses") var spare: Ballast
  mutating func run(_ context: NodeContext) throws {
    let alive = try context.service(Gauge.self)
    (ballast, spare) = (Ballast(tracked: Tracked(alive)), Ballast(tracked: Tracked(alive)))
  }
}

private struct PassBallast: NodeType {
  static let summary = "Makes a tracked value from another."
  @Input("The value") var from: Ballast
  @Output("The value") var ballast: Ballast
  mutating func run(_ context: NodeContext) throws {
    ballast = Ballast(tracked: Tracked(try context.service(Gauge.self)))
  }
}

private struct Busy: NodeType {
  static let summary = "Counts how many compute nodes run at once."
  @Input("What to wait for") var after: [Number]
  @Param("To tell nodes apart") var id = 0
  @Output("A number") var number: Number
  mutating func run(_ context: NodeContext) throws {
    let gauge = try context.service(Gauge.self)
    gauge.enter()
    usleep(2000)
    gauge.leave()
    number = Number(value: id)
  }
}

private struct MeetCompute: NodeType {
  static let summary = "Waits for the other node."
  @Output("Whether it came") var met: Bool
  mutating func run(_ context: NodeContext) throws {
    met = try context.service(Meeting.self).arrive()
  }
}

private struct MeetIO: NodeType {
  static let summary = "Waits for the other node."
  static let resources = ResourceClass.io
  @Output("Whether it came") var met: Bool
  mutating func run(_ context: NodeContext) throws {
    met = try context.service(Meeting.self).arrive()
  }
}

/// Steps until stopped, or to the end.
private struct Long: NodeType {
  static let summary = "Takes many steps, with snapshots."
  @Param("Steps") var steps = 1000
  @Param("Stop the run after this step") var stopAfter = -1
  @Output("Steps done in this run") var done: Number

  mutating func run(_ context: NodeContext) throws {
    let first = context.snapshot.load().map { Int($0[0]) } ?? 0
    for step in first..<steps {
      try context.checkCancellation()
      try context.snapshot.save([UInt8(step + 1)])
      context.progress(step: step + 1, of: steps)
      if step == stopAfter { context.cancellation.cancel() }
    }
    done = Number(value: steps - first)
  }
}

private let types: [any NodeType.Type] =
  stubTypes + [
    MakeBallast.self, PassBallast.self, Busy.self, MeetCompute.self, MeetIO.self, Long.self,
  ]

@Suite("Execution")
struct ExecutionTests {
  private func run(
    _ text: String, _ harness: Harness, events: EventLog = EventLog()
  ) throws -> RunSummary {
    try Executor { events.add($0) }.run(try Planner().plan(try harness.validate(text)))
  }

  @Test func onlyWhatAnOutputNeedsRuns() throws {
    let harness = try Harness()
    let text = """
      version: 1
      nodes:
        one: {type: Constant, value: 1}
        two: {type: Constant, value: 2}
        sum: {type: Sum, numbers: [$one, $one]}
        other: {type: Sum, numbers: [$two]}
      outputs: {x: $sum, y: $other}
      """
    _ = try run(text, harness)
    #expect(harness.log.take().sorted() == ["one", "other", "sum", "two"])
    let graph = try harness.validate(text, targets: ["sum"])
    let summary = try Executor().run(try Planner().plan(graph))
    #expect(harness.log.take() == ["one", "sum"])
    #expect((summary.values["sum"]?["sum"] as? Number)?.value == 2)
    #expect(summary.outputs.map(\.name) == ["x"])
  }

  @Test func computeNodesRunOneAtATime() throws {
    var harness = try Harness(types: types)
    let gauge = Gauge()
    harness.environment.services.add(gauge)
    let nodes = (0..<8).map { "  b\($0): {type: Busy, id: \($0)}" }.joined(separator: "\n")
    let all = (0..<8).map { "$b\($0)" }.joined(separator: ", ")
    _ = try run(
      "version: 1\nnodes:\n\(nodes)\n  sum: {type: Sum, numbers: [\(all)]}\noutputs: {x: $sum}",
      harness)
    #expect(gauge.most == 1)
  }

  @Test func filesAreReadBesideComputing() throws {
    var harness = try Harness(types: types)
    harness.environment.services.add(Meeting())
    let summary = try run(
      """
      version: 1
      nodes: {a: {type: MeetCompute}, b: {type: MeetIO}}
      outputs: {a: $a, b: $b}
      """, harness)
    #expect(summary.values["a"]?["met"] as? Bool == true)
    #expect(summary.values["b"]?["met"] as? Bool == true)
  }

  @Test func valuesAreDroppedAfterTheirLastUse() throws {
    var harness = try Harness(types: types)
    let gauge = Gauge()
    harness.environment.services.add(gauge)
    let count = 40
    let nodes = (0..<count).map {
      "  n\($0): {type: PassBallast, from: \($0 == 0 ? "$make.ballast" : "$n\($0 - 1)")}"
    }.joined(separator: "\n")
    _ = try run(
      "version: 1\nnodes:\n  make: {type: MakeBallast}\n\(nodes)\noutputs: {x: $n\(count - 1)}",
      harness)
    // A node's input and output, and those that busy machines' threads have not let go of yet; all 41 if kept.
    #expect(gauge.most <= count / 4)
  }

  @Test func filesAreNotReadFarAhead() throws {
    var harness = try Harness(types: types)
    let gauge = Gauge()
    harness.environment.services.add(gauge)
    let count = 60
    let nodes = (0..<count).map {
      """
        m\($0): {type: MakeBallast, id: \($0)}
        p\($0): {type: PassBallast, from: $m\($0).ballast}
      """
    }.joined(separator: "\n")
    let outputs = (0..<count).map { "o\($0): {value: $p\($0)}" }.joined(separator: ", ")
    let graph = try harness.validate("version: 1\nnodes:\n\(nodes)\noutputs: {\(outputs)}")
    struct Sink: OutputSink {
      func write(
        _ value: any PortValue, output: ValidatedGraph.ResolvedOutput, graph: ValidatedGraph
      ) throws -> [String] { [output.name] }
    }
    let summary = try Executor(sink: Sink()).run(try Planner().plan(graph))
    #expect(summary.outputs.map(\.name) == (0..<count).map { "o\($0)" })
    #expect(gauge.most < count)
  }

  @Test func aNodesErrorIsWrappedOnce() throws {
    let harness = try Harness()
    let text = """
      version: 1
      nodes:
        one: {type: Constant, value: 1}
        half: {type: Divide, number: $one, by: 0}
        sum: {type: Sum, numbers: [$half.rest]}
      outputs: {x: $sum}
      """
    let events = EventLog()
    do {
      _ = try run(text, harness, events: events)
      Issue.record("no error")
    } catch let failure as NodeFailure {
      #expect(failure.node == "half")
      #expect(failure.exitStatus == .nodeFailed)
      #expect(failure.cause is NodeError)
      #expect(
        harness.clean(failure.description) == """
          graph.yaml:4:42: error[node]: `by` of `half` (Divide) failed: division by zero
           4 |   half: {type: Divide, number: $one, by: 0}
             |                                          ^
             = hint: use another number

          """)
    }
    #expect(harness.log.all == ["one", "half"])
    guard case .runEnd(.nodeFailed, _, let message?)? = events.all.last else {
      Issue.record("no end")
      return
    }
    #expect(message.contains("division by zero"))
  }

  @Test func aValueOutOfRangeAtRunTimeIsLocated() throws {
    let harness = try Harness()
    let text = """
      version: 1
      nodes:
        one: {type: Constant, value: 1}
        half: {type: Divide, number: $one}
        base: {type: ModelLoad, path: small.model}
        draw: {type: Sample, model: $base, steps: $half.plain}
      outputs: {x: $draw}
      """
    #expect(throws: NodeFailure.self) { try run(text, harness) }
    do { _ = try run(text, harness) } catch {
      #expect(
        harness.clean("\(error)") == """
          graph.yaml:6:45: error[node]: `steps` of `draw` (Sample) failed: does not fit
           6 |   draw: {type: Sample, model: $base, steps: $half.plain}
             |                                             ^^^^^^^^^^^
             = expected: 1 to 100
             = got: 0

          """)
    }
  }

  @Test func cancellingStopsAtTheNextStepAndResumes() throws {
    var harness = try Harness(types: types)
    harness.environment.snapshots = MemorySnapshots()
    let events = EventLog()
    func text(_ stop: Int) -> String {
      """
      version: 1
      nodes:
        long: {type: Long, steps: 50, stop_after: \(stop)}
        late: {type: Sum, numbers: [$long]}
      outputs: {x: $late}
      """
    }
    #expect(throws: RunCancelled(reason: .failure)) {
      // The stub cancels the run's own token; a user's token comes below.
      do { _ = try run(text(9), harness, events: events) } catch let error as RunCancelled {
        #expect(error.reason == .interrupt)
        throw RunCancelled(reason: .failure)
      }
    }
    let steps = events.all.filter { if case .nodeStep = $0 { true } else { false } }
    #expect(steps.count == 10)
    #expect(!harness.log.all.contains("late"))
    guard case .runEnd(.interrupted, _, _)? = events.all.last else {
      Issue.record("no end")
      return
    }
    // The same node goes on where it stopped. Its parameters must be equal, so the token is fresh.
    let summary = try run(text(9), harness)
    #expect((summary.values["late"]?["sum"] as? Number)?.value == 40)
    // Once done its state is gone.
    harness.environment.cancellation = CancellationToken()
  }

  @Test func aUsersTokenStopsTheRun() throws {
    var harness = try Harness(types: types)
    let token = CancellationToken()
    harness.environment.cancellation = token
    let graph = try harness.validate(
      "version: 1\nnodes: {long: {type: Long, steps: 200}}\noutputs: {x: $long}")
    let plan = try Planner().plan(graph)
    let events = EventLog()
    let executor = Executor { event in
      events.add(event)
      if case .nodeStep(_, 5, _) = event { token.cancel(.terminate) }
    }
    #expect(throws: RunCancelled(reason: .terminate)) { try executor.run(plan) }
    #expect(RunCancelled(reason: .terminate).exitStatus.rawValue == 143)
    #expect(RunCancelled(reason: .interrupt).exitStatus.rawValue == 130)
    #expect(events.all.count { if case .nodeStep = $0 { true } else { false } } == 5)
    // A cancelled token also stops validation, where headers of many files are read.
    #expect(throws: RunCancelled(reason: .terminate)) {
      try harness.validate(
        "version: 1\nnodes: {one: {type: Constant, value: 1}}\noutputs: {x: $one}")
    }
  }

  @Test func neverCachedRunsAgainWithAllThatFollows() throws {
    let session = try Session()
    let text = """
      version: 1
      nodes:
        one: {type: Constant, value: 1, cache: never}
        two: {type: Constant, value: 2}
        sum: {type: Sum, numbers: [$one, $two]}
      outputs: {x: $sum}
      """
    try session.run(text)
    #expect(try session.ran(text) == ["one", "sum"])
  }

  @Test func aFailingSinkFailsTheRun() throws {
    struct Full: OutputSink {
      func write(
        _ value: any PortValue, output: ValidatedGraph.ResolvedOutput, graph: ValidatedGraph
      ) throws -> [String] { throw FileError("write", "x.png", code: ENOSPC) }
    }
    let harness = try Harness()
    let graph = try harness.validate(
      "version: 1\nnodes: {one: {type: Constant, value: 1}}\noutputs: {x: $one}")
    let plan = try Planner().plan(graph)
    #expect(throws: FileError("write", "x.png", code: ENOSPC)) {
      try Executor(sink: Full()).run(plan)
    }
  }
}
