import ResgraphFiles

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// A thread with a stack of its own size, whatever limit the user has set.
package final class WorkerThread {
  #if canImport(Darwin)
  private var thread: pthread_t?
  #else
  private var thread = pthread_t()
  #endif

  /// Starts a thread.
  ///
  /// - Parameters:
  ///   - stackBytes: The size of its stack; model code needs more than the half megabyte that some
  ///     systems give a thread.
  ///   - body: What it does.
  /// - Throws: `ThreadFailure` when the system starts none.
  package init(stackBytes: Int = 16 << 20, _ body: @escaping @Sendable () -> Void) throws {
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    defer { pthread_attr_destroy(&attributes) }
    pthread_attr_setstacksize(&attributes, stackBytes)
    let start = Unmanaged.passRetained(Body(body))
    let code = pthread_create(
      &thread, &attributes,
      { argument in
        guard let argument = Body.address(argument) else { return nil }
        Unmanaged<Body>.fromOpaque(argument).takeRetainedValue().run()
        return nil
      }, start.toOpaque())
    guard code == 0 else {
      start.release()
      throw ThreadFailure(code: code)
    }
  }

  /// Does something on a thread of its own, while the caller waits without holding up other tasks.
  ///
  /// - Parameter body: What is done.
  /// - Returns: What `body` returns.
  /// - Throws: What `body` throws; `ThreadFailure`.
  package static func value<Value: Sendable>(
    _ body: @escaping @Sendable () throws -> Value
  ) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
      do {
        try WorkerThread { continuation.resume(with: Result { try body() }) }.detach()
      } catch {
        continuation.resume(throwing: error)
      }
    }
  }

  /// Waits until the thread has ended; to be called once.
  package func join() {
    #if canImport(Darwin)
    guard let thread else { return }
    #endif
    pthread_join(thread, nil)
  }

  /// Lets the thread end by itself; to be called once, instead of `join`.
  package func detach() {
    #if canImport(Darwin)
    guard let thread else { return }
    #endif
    pthread_detach(thread)
  }

  private final class Body: Sendable {
    let run: @Sendable () -> Void
    init(_ run: @escaping @Sendable () -> Void) { self.run = run }

    /// Platforms disagree on whether a thread's argument is optional; this takes both.
    static func address(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
      argument
    }
  }
}

/// The system started no thread.
public struct ThreadFailure: ExitStatusError, Hashable, CustomStringConvertible {
  /// The system's error number.
  public let code: Int32
  /// The exit code is `temporary`: threads or memory may be free later.
  public var exitStatus: ExitStatus { .temporary }
  /// What failed, and why.
  public var description: String {
    "cannot start a thread: \(String(cString: strerror(code)))"
  }
}
