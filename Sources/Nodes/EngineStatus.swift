import DiffusionModels
public import GraphRuntime
import ResgraphFiles
import ResgraphPictures
public import ResgraphWeights

/// The exit code of an error that comes from weights or pictures.
///
/// - Parameter error: Any error.
/// - Returns: The code; nil for errors of other origin.
package func engineStatus(of error: any Error) -> ExitStatus? {
  switch error {
  case let error as WeightError: error.exitStatus
  case is ImageError, is ConfigurationFault: .invalid
  default: nil
  }
}

extension WeightError: ExitStatusError {
  /// `missingFile` for absent files, that of the `FileError` for unreadable ones, else `invalid`.
  public var exitStatus: ExitStatus {
    switch self {
    case .file(let error): error.exitStatus
    case .partMissing: .missingFile
    default: .invalid
    }
  }
}
