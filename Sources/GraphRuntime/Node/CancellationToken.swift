import Synchronization

/// Asks a run to stop.
///
/// The run and all who may stop it share it.
public final class CancellationToken: Sendable {
  /// Why a run is to stop.
  public enum Reason: Int, Sendable, Codable {
    /// SIGINT, Ctrl-C.
    case interrupt = 1
    /// SIGTERM.
    case terminate = 2
    /// The time limit was reached.
    case timeLimit = 3
    /// Another node failed.
    case failure = 4

    /// The exit code of a command that stopped for this reason.
    public var exitStatus: ExitStatus {
      switch self {
      case .interrupt: .interrupted
      case .terminate: .terminated
      case .timeLimit: .temporary
      case .failure: .nodeFailed
      }
    }
  }

  private let state = Atomic<Int>(0)
  private let parent: CancellationToken?

  /// Makes a token that has not been cancelled.
  ///
  /// - Parameter parent: A token whose cancellation also counts for this one.
  public init(parent: CancellationToken? = nil) { self.parent = parent }

  /// Asks the run to stop at its next check.
  ///
  /// The first reason given stays. Only stores an integer, so it may be called from any thread.
  ///
  /// - Parameter reason: Why.
  public func cancel(_ reason: Reason = .interrupt) {
    _ = state.compareExchange(
      expected: 0, desired: reason.rawValue, ordering: .sequentiallyConsistent)
  }

  /// Why the run is to stop, nil while it may go on.
  public var reason: Reason? {
    Reason(rawValue: state.load(ordering: .sequentiallyConsistent)) ?? parent?.reason
  }

  /// Stops the caller if the run is to stop.
  ///
  /// - Throws: `RunCancelled`.
  public func check() throws {
    if let reason { throw RunCancelled(reason: reason) }
  }
}

/// The error of a run that stops because it was asked to.
public struct RunCancelled: ExitStatusError, Hashable {
  /// Why.
  public var reason: CancellationToken.Reason

  /// Says why a run stopped.
  ///
  /// - Parameter reason: Why.
  public init(reason: CancellationToken.Reason) { self.reason = reason }

  /// The exit code of the reason.
  public var exitStatus: ExitStatus { reason.exitStatus }
}

extension RunCancelled: CustomStringConvertible {
  /// The reason in a word or two.
  public var description: String {
    switch reason {
    case .interrupt: "interrupted"
    case .terminate: "terminated"
    case .timeLimit: "the time limit is reached"
    case .failure: "stopped: another node failed"
    }
  }
}
