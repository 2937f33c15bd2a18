public import GraphRuntime
import Weights

/// The exit code of an error that comes from weights or pictures.
///
/// - Parameter error: Any error.
/// - Returns: The code; nil for errors of other origin.
public func engineStatus(of error: any Error) -> ExitStatus? {
  switch error {
  case let error as WeightError:
    switch error {
    case .fileMissing: .missingFile
    case .fileUnreadable, .fileChanged, .writeFailed: .ioError
    default: .invalid
    }
  case let error as ImageError:
    if case .fileAccess = error { .ioError } else { .invalid }
  default: nil
  }
}
