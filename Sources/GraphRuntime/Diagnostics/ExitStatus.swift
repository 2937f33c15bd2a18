/// What a finished command tells its caller, as an exit code.
public enum ExitStatus: Int32, Sendable, Codable, Hashable {
  /// Everything that was asked for is done.
  case done = 0
  /// A node failed while running.
  case nodeFailed = 1
  /// The command line is wrong.
  case usage = 64
  /// The graph or its parameters are invalid.
  case invalid = 65
  /// A file that is named does not exist.
  case missingFile = 66
  /// The feature is not available on this CPU or in this build.
  case unavailable = 69
  /// A defect of the engine.
  case internalError = 70
  /// Reading or writing failed.
  case ioError = 74
  /// The command may succeed later, or with more time, memory or disk space.
  case temporary = 75
  /// Interrupted by SIGINT; the step under way was finished first, and outputs written before stay.
  /// Where results are kept, the next run goes on from that step.
  case interrupted = 130
  /// Interrupted by SIGTERM, in the same way.
  case terminated = 143
}

/// An error that knows with which code the command should end.
public protocol ExitStatusError: Error {
  /// The exit code.
  var exitStatus: ExitStatus { get }
}
