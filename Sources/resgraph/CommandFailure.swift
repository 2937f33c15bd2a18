import ArgumentParser
import Foundation
import GraphRuntime
import Resgraph

/// The message of an error and the exit code of the process.
struct CommandFailure {
  private let error: any Error

  init(_ error: any Error) { self.error = error }

  /// Prints the message on standard error and ends the process.
  func end() -> Never {
    if let status {
      say(status)
      exit(status.rawValue)
    }
    // The argument parser prints usage errors, help and the version.
    RootCommand.exit(withError: error)
  }

  private var status: ExitStatus? {
    // Outside a run, malformed weights are an invalid input.
    if let status = engineStatus(of: error) { return status }
    if let known = error as? any ExitStatusError { return known.exitStatus }
    return isParsing ? nil : .internalError
  }

  /// Whether the argument parser made the error.
  private var isParsing: Bool {
    let code = RootCommand.exitCode(for: error)
    return code == .validationFailure || code == .success || error is ExitCode
  }

  private func say(_ status: ExitStatus) {
    switch error {
    case let diagnostics as Diagnostics: Terminal.raw(DiagnosticText.render(diagnostics))
    case let stop as RunCancelled: Terminal.message(stop.description)
    default:
      let label = status == .internalError ? "internal error" : "error"
      Terminal.message(Terminal.coloured("\(label): ", .red) + String(describing: error))
    }
  }
}
