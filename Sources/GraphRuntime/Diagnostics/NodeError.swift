/// An error of one node, with the port it concerns.
///
/// When `validate` or a light node throws it, it becomes a validation error with a place. When
/// `run` throws it, the node fails.
public struct NodeError: ExitStatusError, Hashable {
  /// What is wrong, in a sentence without a full stop.
  public var message: String
  /// The input, parameter or output that it is about.
  public var port: String?
  /// The value that would have been right.
  public var expected: String?
  /// What was found.
  public var got: String?
  /// Advice.
  public var hint: String?
  /// The exit code: `invalid` or `missingFile` from validation, `nodeFailed` from a run.
  public var status: ExitStatus?

  /// Describes an error.
  ///
  /// - Parameters:
  ///   - message: What is wrong, in a sentence without a full stop.
  ///   - port: The input, parameter or output that it is about.
  ///   - expected: The value that would have been right.
  ///   - got: What was found.
  ///   - hint: Advice.
  ///   - status: The exit code, when not the usual one.
  public init(
    _ message: String, port: String? = nil, expected: String? = nil, got: String? = nil,
    hint: String? = nil, status: ExitStatus? = nil
  ) {
    self.message = message
    self.port = port
    self.expected = expected
    self.got = got
    self.hint = hint
    self.status = status
  }

  /// The exit code, `nodeFailed` unless given.
  public var exitStatus: ExitStatus { status ?? .nodeFailed }
}

extension NodeError: CustomStringConvertible {
  /// The message with what was expected and found, on one line.
  public var description: String {
    var text = port.map { "\($0): \(message)" } ?? message
    if let expected { text += "; expected \(expected)" }
    if let got { text += "; got \(got)" }
    if let hint { text += " (\(hint))" }
    return text
  }
}
