import Foundation

/// A queue between threads, whose `take` waits for an element.
final class Mailbox<Element>: @unchecked Sendable {
  // All state is read and written under the condition's lock.
  private let condition = NSCondition()
  private var elements: [Element] = []
  private var isClosed = false

  func put(_ element: sending Element) {
    condition.lock()
    elements.append(element)
    condition.signal()
    condition.unlock()
  }

  /// The next element; nil when the box is closed and empty.
  func take() -> Element? {
    condition.lock()
    defer { condition.unlock() }
    while elements.isEmpty {
      if isClosed { return nil }
      condition.wait()
    }
    return elements.removeFirst()
  }

  func close() {
    condition.lock()
    isClosed = true
    condition.broadcast()
    condition.unlock()
  }
}

/// Threads that do jobs in their order.
///
/// Nodes block their thread, so they do not run as tasks.
final class JobThreads: Sendable {
  typealias Job = @Sendable () -> Void
  private let jobs = Mailbox<Job>()

  /// Starts the threads.
  ///
  /// - Parameter threads: How many.
  /// - Throws: `ThreadFailure`; those that did start end again.
  init(threads: Int) throws {
    for _ in 0..<threads {
      try WorkerThread { [jobs] in
        while let job = jobs.take() { job() }
      }.detach()
    }
  }

  /// The threads end when they have done what they were given.
  deinit { jobs.close() }

  func add(_ job: @escaping Job) { jobs.put(job) }
}
