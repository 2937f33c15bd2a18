#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Something about a file that cannot be done.
public struct FileError: Error, Hashable, Sendable {
  /// Why it cannot be done.
  public enum Reason: Hashable, Sendable {
    /// The operating system refused it, with this error number.
    case system(Int32)
    /// The path leads to something that is not a regular file.
    case notAFile(FileKind)
    /// The file has more bytes than are read of such a file.
    case tooLong(limit: Int)
    /// The file was replaced, shortened or written to while it was open.
    case changed
  }

  /// The operation, such as `open` or `write`.
  public var operation: String
  /// The file.
  public var path: String
  /// Why it failed.
  public var reason: Reason

  /// Describes a failure.
  ///
  /// - Parameters:
  ///   - operation: What was tried.
  ///   - path: The file.
  ///   - reason: Why it failed.
  public init(_ operation: String, _ path: String, _ reason: Reason) {
    self.operation = operation
    self.path = path
    self.reason = reason
  }

  /// Describes a refusal of the operating system.
  ///
  /// - Parameters:
  ///   - operation: What was tried.
  ///   - path: The file.
  ///   - code: The system's error number.
  public init(_ operation: String, _ path: String, code: Int32) {
    self.init(operation, path, .system(code))
  }

  /// Whether a file that was to be read does not exist.
  public var isMissingFile: Bool {
    guard ["open", "read", "descend into"].contains(operation) else { return false }
    return reason == .system(ENOENT) || reason == .system(ENOTDIR)
  }

  /// The reason in words, without the operation and the path.
  public var explanation: String {
    switch reason {
    case .system(let code): String(cString: strerror(code))
    case .notAFile(let kind): "it is \(kind.name), not a regular file"
    case .tooLong(let limit): "it is longer than \(limit) bytes"
    case .changed: "it changed while it was open"
    }
  }
}

extension FileError: CustomStringConvertible {
  /// What was tried, on which file, and why it failed.
  public var description: String { "cannot \(operation) \(quoted(path)): \(explanation)" }
}
