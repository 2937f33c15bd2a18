#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// The operating system refused something about a file.
public struct FileError: ExitStatusError, Hashable {
  /// What was tried: `open`, `write`.
  public var operation: String
  /// The file.
  public var path: String
  /// The system's error number.
  public var code: Int32

  /// Describes a refusal.
  ///
  /// - Parameters:
  ///   - operation: What was tried.
  ///   - path: The file.
  ///   - code: The system's error number.
  public init(_ operation: String, _ path: String, code: Int32) {
    self.operation = operation
    self.path = path
    self.code = code
  }

  /// `missingFile` when there is no such file to read, `temporary` when the disk is full, else `ioError`.
  public var exitStatus: ExitStatus {
    switch code {
    case ENOENT where isReading, ENOTDIR where isReading: .missingFile
    case ENOSPC, EDQUOT, EAGAIN: .temporary
    default: .ioError
    }
  }

  private var isReading: Bool { ["open", "read", "descend into"].contains(operation) }
}

extension FileError: CustomStringConvertible {
  /// What was tried, on which file, and why it was refused.
  public var description: String {
    "cannot \(operation) \(quoted(path)): \(String(cString: strerror(code)))"
  }
}
