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
    // The argument parser makes usage errors, help and version; printing them here notices when that
    // fails.
    let code = RootCommand.exitCode(for: error)
    let text = RootCommand.fullMessage(for: error)
    if !text.isEmpty, code == .success { Terminal.result(text) }
    if !text.isEmpty, code != .success { Terminal.message(PrintableText.message(text)) }
    Self.end(with: code.rawValue)
  }

  /// Ends the process, with the code of a failed write where results were lost.
  static func end(with code: Int32) -> Never {
    do {
      try Terminal.checkResults()
    } catch {
      CommandFailure(error).end()
    }
    exit(code)
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
      Terminal.message(
        Terminal.coloured("\(label): ", .red) + PrintableText.message(String(describing: error)))
    }
  }
}
