import Foundation
import GraphRuntime
import ResgraphFiles
import Synchronization

/// Shows what happens in a run: progress and warnings on standard error, written paths on standard
/// output.
final class RunReporter: Sendable {
  private let mode: ProgressMode
  private let printsPaths: Bool
  private let view: Mutex<ProgressView>
  private let start = ContinuousClock.now
  /// The files written so far.
  private let written = Mutex<[String]>([])

  init(progress mode: ProgressMode, printsPaths: Bool) {
    self.mode = mode
    self.printsPaths = printsPaths
    let drawsBar = mode == .auto && Terminal.isInteractive
    view = Mutex(ProgressView(style: drawsBar ? .bar : .plain))
  }

  /// Shows the warnings of validation.
  func show(_ diagnostics: Diagnostics) {
    guard !diagnostics.warnings.isEmpty, mode != .json else { return }
    Terminal.raw(DiagnosticText.render(diagnostics))
  }

  /// Shows an event; called by one thread at a time.
  func handle(_ event: RunEvent) {
    if mode == .json {
      let text = (try? JSONOutput.text(event)) ?? "{}"
      Terminal.message(text)
    }
    if case .output(_, _, let paths) = event {
      written.withLock { $0 += paths }
      view.withLock { $0.clear() }
      if printsPaths { for path in paths { Terminal.exactResult(path) } }
    }
    if case .runEnd(let status, _, _) = event, status != .done, mode != .json { showKept() }
    guard mode == .auto || mode == .plain else {
      if mode == .none, case .nodeWarning(let node, let message) = event {
        Terminal.message("warning: \(node): \(PrintableText.message(message))")
      }
      return
    }
    view.withLock { draw(event, on: &$0) }
  }

  /// Says which outputs of a failed run are whole.
  private func showKept() {
    let paths = written.withLock { $0 }
    guard !paths.isEmpty else { return }
    view.withLock { $0.clear() }
    let shown = paths.prefix(20).joined(separator: ", ")
    let more = paths.count > 20 ? " and \(paths.count - 20) more" : ""
    Terminal.message(PrintableText.message("finished before the run stopped: \(shown)\(more)"))
  }

  private func draw(_ event: RunEvent, on view: inout ProgressView) {
    let now = (ContinuousClock.now - start).inSeconds
    switch event {
    case .nodeStart(let node, let type): view.start(node: node, type: type, at: now)
    case .nodeStep(let node, let step, let count): view.step(step, of: count, node: node, at: now)
    case .nodeHit(let node, _, let source): if source != "validation" { view.reuse(node: node) }
    case .nodeDone(let node, _, _, _): view.finish(node: node, at: now)
    case .nodeWarning(let node, let message):
      view.say(
        Terminal.coloured("warning: ", .yellow) + "\(node): \(PrintableText.message(message))")
    case .runEnd: view.clear()
    case .runStart, .output: break
    }
  }
}
