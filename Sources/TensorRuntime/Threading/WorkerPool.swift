import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// The persistent threads behind `Parallel`.
///
/// One loop at a time is published as the current job. Workers that wake in time join it and take
/// blocks from its counter. The caller works too, then withdraws the job and waits only for the
/// workers that have joined, so a worker that sleeps never delays a loop.
final class WorkerPool: @unchecked Sendable {
  static let shared = WorkerPool()

  /// One loop in progress.
  private final class Job: @unchecked Sendable {
    let blocks: Int
    let maximumWorkers: Int
    /// The loop's body; nil once the loop is over.
    ///
    /// A worker may hold the job longer than the loop runs, but it must not hold the closure.
    private var body: ((_ block: Int, _ seat: Int) -> Void)?
    let next = Atomic<Int>(0)
    /// How many threads have joined.
    ///
    /// The count before a thread joins is the number of its seat.
    private let seats = Atomic<Int>(0)
    /// The number of workers in this loop.
    ///
    /// It is changed under the pool's mutex and read without it.
    let active = Atomic<Int>(0)

    init(blocks: Int, maximumWorkers: Int, body: @escaping (Int, Int) -> Void) {
      self.blocks = blocks
      self.maximumWorkers = maximumWorkers
      self.body = body
    }

    func work() {
      guard let body else { return }
      let seat = seats.wrappingAdd(1, ordering: .relaxed).oldValue
      while true {
        let block = next.wrappingAdd(1, ordering: .relaxed).oldValue
        if block >= blocks { return }
        body(block, seat)
      }
    }

    func forgetBody() { body = nil }
  }

  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let started = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  private let finished = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  private let generation = Atomic<Int>(0)
  private let requestedThreads: Atomic<Int>
  private let busy = Atomic<Bool>(false)
  private var job: Job?
  private var workers = 0
  private var sleepers = 0
  private var insideKey = pthread_key_t()

  /// How often a worker looks for a new job before it sleeps.
  ///
  /// This takes about ten microseconds, less than waking a thread does.
  private static let spins = 6_000

  private init() {
    requestedThreads = Atomic(ProcessorCount.available())
    pthread_mutex_init(mutex, nil)
    pthread_cond_init(started, nil)
    pthread_cond_init(finished, nil)
    pthread_key_create(&insideKey, nil)
  }

  var threadCount: Int {
    get { requestedThreads.load(ordering: .relaxed) }
    set { requestedThreads.store(newValue, ordering: .relaxed) }
  }

  /// Runs the blocks on several threads, or returns false when the caller should run them itself.
  ///
  /// The body receives the number of the block and the seat of the calling thread: a number below
  /// `threads` that no other thread has during this loop.
  func run(blocks: Int, threads: Int, _ body: (_ block: Int, _ seat: Int) -> Void) -> Bool {
    let threads = min(threads, blocks)
    guard threads > 1, pthread_getspecific(insideKey) == nil,
      !busy.exchange(true, ordering: .acquiring)
    else { return false }
    defer { busy.store(false, ordering: .releasing) }
    withoutActuallyEscaping(body) { escapable in
      let job = Job(blocks: blocks, maximumWorkers: threads - 1, body: escapable)
      publish(job)
      pthread_setspecific(insideKey, UnsafeRawPointer(mutex))
      job.work()
      pthread_setspecific(insideKey, nil)
      withdraw(job)
      job.forgetBody()
    }
    return true
  }

  private func publish(_ job: Job) {
    pthread_mutex_lock(mutex)
    while workers < job.maximumWorkers, startWorker(workers) { workers += 1 }
    self.job = job
    generation.wrappingAdd(1, ordering: .releasing)
    if sleepers > 0 { pthread_cond_broadcast(started) }
    pthread_mutex_unlock(mutex)
  }

  /// Lets no further worker join and waits for those inside.
  private func withdraw(_ job: Job) {
    pthread_mutex_lock(mutex)
    self.job = nil
    pthread_mutex_unlock(mutex)
    for _ in 0..<Self.spins where job.active.load(ordering: .acquiring) == 0 { return }
    pthread_mutex_lock(mutex)
    while job.active.load(ordering: .acquiring) > 0 { pthread_cond_wait(finished, mutex) }
    pthread_mutex_unlock(mutex)
  }

  private func startWorker(_ index: Int) -> Bool {
    let start = Unmanaged.passRetained(WorkerStart(pool: self, index: index))
    #if canImport(Darwin)
    var thread: pthread_t?
    #else
    var thread = pthread_t()
    #endif
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    pthread_attr_setstacksize(&attributes, 4 << 20)
    defer { pthread_attr_destroy(&attributes) }
    let status = pthread_create(
      &thread, &attributes,
      { argument in
        guard let argument = WorkerStart.address(argument) else { return nil }
        let start = Unmanaged<WorkerStart>.fromOpaque(argument).takeRetainedValue()
        start.pool.serve(start.index)
      }, start.toOpaque())
    if status != 0 {
      start.release()
      return false
    }
    return true
  }

  /// The life of a worker thread: it never ends.
  private func serve(_ index: Int) -> Never {
    pthread_setspecific(insideKey, UnsafeRawPointer(mutex))
    var seen = 0
    while true {
      seen = waitForGeneration(after: seen)
      pthread_mutex_lock(mutex)
      let joined = job.flatMap { index < $0.maximumWorkers ? $0 : nil }
      joined?.active.wrappingAdd(1, ordering: .relaxed)
      pthread_mutex_unlock(mutex)
      guard let joined else { continue }
      joined.work()
      pthread_mutex_lock(mutex)
      if joined.active.wrappingSubtract(1, ordering: .releasing).newValue == 0 {
        pthread_cond_signal(finished)
      }
      pthread_mutex_unlock(mutex)
    }
  }

  private func waitForGeneration(after seen: Int) -> Int {
    for _ in 0..<Self.spins {
      let current = generation.load(ordering: .acquiring)
      if current != seen { return current }
    }
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    sleepers += 1
    while generation.load(ordering: .acquiring) == seen { pthread_cond_wait(started, mutex) }
    sleepers -= 1
    return generation.load(ordering: .acquiring)
  }
}

/// The argument of a new worker thread.
private final class WorkerStart: Sendable {
  let pool: WorkerPool
  let index: Int

  init(pool: WorkerPool, index: Int) {
    self.pool = pool
    self.index = index
  }

  /// Platforms disagree on whether a thread's argument is optional; this takes both.
  static func address(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    argument
  }
}
