import Foundation

/// Shows the progress of a run: on a terminal in one line that is redrawn, elsewhere in plain
/// lines.
struct ProgressView {
  /// Where the lines go.
  enum Style {
    /// One line, redrawn.
    case bar
    /// A line per node, and one now and then during long nodes.
    case plain
  }

  let style: Style
  /// The nodes that run now.
  ///
  /// Several may, because nodes that read files run beside a computation.
  private var nodes: [String: NodeProgress] = [:]
  private var shown = ""
  private var lastPlainLine = 0.0
  private var hasBar = false

  init(style: Style) { self.style = style }

  /// One node's work so far.
  private struct NodeProgress {
    var title = ""
    var start = 0.0
    var firstStepEnd = 0.0
    var step = 0
    var count = 0

    /// Seconds until the node is done, from the steps so far; the first one is slow and counts
    /// only while there is no other.
    func secondsLeft(at now: Double) -> Double? {
      guard step > 0, count > 0 else { return nil }
      let perStep =
        step == 1 ? firstStepEnd - start : (now - firstStepEnd) / Double(step - 1)
      return perStep * Double(count - step)
    }
  }

  /// A node starts to compute.
  mutating func start(node: String, type: String, at now: Double) {
    let title = node == type ? node : "\(node) (\(type))"
    nodes[node] = NodeProgress(title: title, start: now)
    shown = node
    lastPlainLine = now
    if style == .bar { drawBar(at: now) } else { Terminal.message("\(title) ...") }
  }

  /// A node has done a step of several.
  mutating func step(_ step: Int, of count: Int, node: String, at now: Double) {
    guard var progress = nodes[node] else { return }
    if progress.step == 0 { progress.firstStepEnd = now }
    (progress.step, progress.count) = (step, count)
    nodes[node] = progress
    shown = node
    switch style {
    case .bar: drawBar(at: now)
    case .plain:
      // Every five seconds, which shows that the run goes on and does not fill a log.
      guard now - lastPlainLine >= 5, step < count else { return }
      lastPlainLine = now
      Terminal.message(
        "\(progress.title): step \(step) of \(count)" + timeLeft(progress, at: now))
    }
  }

  /// A node is done.
  mutating func finish(node: String, at now: Double) {
    guard let progress = nodes.removeValue(forKey: node) else { return }
    clear()
    let seconds = Self.duration(now - progress.start)
    Terminal.message("\(progress.title): \(Terminal.coloured("done", .green)) in \(seconds)")
  }

  /// A node was not needed: its result is known.
  mutating func reuse(node name: String) {
    clear()
    Terminal.message("\(name): \(Terminal.coloured("kept from before", .dim))")
  }

  /// Something to say beside the progress.
  mutating func say(_ text: String) {
    clear()
    Terminal.message(text)
  }

  /// Removes the bar from the terminal.
  mutating func clear() {
    guard hasBar else { return }
    Terminal.raw("\r\u{1b}[2K")
    hasBar = false
  }

  private mutating func drawBar(at now: Double) {
    guard let progress = nodes[shown] else { return }
    var line = progress.title
    if progress.count > 0 {
      let filled = 20 * progress.step / progress.count
      let bar = String(repeating: "#", count: filled) + String(repeating: ".", count: 20 - filled)
      line += " [\(bar)] \(progress.step)/\(progress.count)" + timeLeft(progress, at: now)
    }
    Terminal.raw("\r\u{1b}[2K" + String(line.prefix(max(20, Terminal.width - 1))))
    hasBar = true
  }

  private func timeLeft(_ progress: NodeProgress, at now: Double) -> String {
    progress.secondsLeft(at: now).map { ", \(Self.duration($0)) left" } ?? ""
  }

  /// A time in words as short as a glance: `0.4 s`, `12 s`, `3 min 20 s`, `2 h 5 min`.
  static func duration(_ seconds: Double) -> String {
    guard seconds >= 9.95 else { return "\((seconds * 10).rounded() / 10) s" }
    let whole = Int(seconds.rounded())
    if whole < 60 { return "\(whole) s" }
    if whole < 3_600 { return "\(whole / 60) min \(whole % 60) s" }
    return "\(whole / 3_600) h \(whole % 3_600 / 60) min"
  }
}
