import GraphRuntime
import Synchronization
import Testing

/// The task that waits for a run, once it is known.
private final class Running: Sendable {
  let task = Mutex<Task<RunSummary, any Error>?>(nil)

  /// Cancels the task; false when it is not known yet.
  func cancel() -> Bool {
    let known = task.withLock { $0 }
    known?.cancel()
    return known != nil
  }
}

@Suite("Runs from asynchronous code")
struct AsyncRunTests {
  private func plan(_ harness: Harness, steps: Int) throws -> Plan {
    let graph = """
      version: 1
      nodes:
        base: {type: ModelLoad, path: small.model}
        draw: {type: Sample, model: $base, steps: \(steps)}
      outputs: {x: $draw}
      """
    return try Planner().plan(try harness.validate(graph))
  }

  @Test func eventsComeAsASequenceThatEnds() async throws {
    let plan = try plan(try Harness(), steps: 3)
    let events = RunEvents()
    async let summary = Executor(onEvent: events.send).run(plan)
    var names: [String] = []
    for await event in events { names.append(event.name) }
    #expect(
      names == [
        "run.start", "node.hit", "node.start", "node.step", "node.step", "node.step", "node.done",
        "run.end",
      ])
    #expect((try await summary.values["draw"]?["number"] as? Number)?.value == 3)
  }

  @Test func aCancelledTaskStopsTheRunAndNoOther() async throws {
    let harness = try Harness()
    let plan = try plan(harness, steps: 50)
    let events = EventLog()
    let running = Running()
    let executor = Executor { event in
      events.add(event)
      guard case .nodeStep = event else { return }
      // The node waits here until the task is known, and goes on when it is cancelled.
      while !running.cancel() {}
    }
    let task = Task { try await executor.run(plan) }
    running.task.withLock { $0 = task }
    await #expect(throws: RunCancelled(reason: .interrupt)) { try await task.value }
    #expect(events.all.count { if case .nodeStep = $0 { true } else { false } } == 1)
    #expect(try await Executor().run(plan).values["draw"] != nil)
  }
}
