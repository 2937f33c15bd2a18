public import ResgraphFiles

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

extension FileError: ExitStatusError {
  /// `missingFile` when there is no such file to read, `temporary` when the disk is full, else
  /// `ioError`.
  public var exitStatus: ExitStatus {
    if isMissingFile { return .missingFile }
    return [ENOSPC, EDQUOT, EAGAIN].contains { reason == .system($0) } ? .temporary : .ioError
  }
}
