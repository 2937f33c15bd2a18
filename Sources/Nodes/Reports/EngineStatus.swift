import DiffusionModels
public import GraphRuntime
import ResgraphPictures
public import ResgraphWeights

/// The exit code of an error that comes from weights or pictures.
///
/// - Parameter error: Any error.
/// - Returns: The code; nil for errors of other origin.
public func engineStatus(of error: any Error) -> ExitStatus? {
  switch error {
  case let error as WeightError:
    switch error {
    case .fileMissing, .partMissing: .missingFile
    case .fileUnreadable, .fileChanged, .writeFailed: .ioError
    default: .invalid
    }
  case let error as ImageError:
    if case .fileAccess = error { .ioError } else { .invalid }
  case is ConfigurationFault: .invalid
  default: nil
  }
}

extension WeightError: ExitStatusError {
  /// `missingFile` for absent files, `ioError` for unreadable ones, else `nodeFailed`: whether the graph
  /// is invalid depends on when the error is found.
  public var exitStatus: ExitStatus {
    switch engineStatus(of: self) {
    case .missingFile: .missingFile
    case .ioError: .ioError
    default: .nodeFailed
    }
  }
}
