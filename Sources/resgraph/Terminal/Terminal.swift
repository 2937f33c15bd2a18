import Foundation
import GraphRuntime
import ResgraphFiles
import Synchronization

/// The two streams of the program: results on standard output, everything else on standard error.
enum Terminal {
  /// Whether standard error is a terminal that can redraw a line.
  static let isInteractive = isatty(2) == 1 && environment("TERM") != "dumb"
  /// Whether colours may be used: on a terminal, and NO_COLOR is not set.
  static let usesColour = isInteractive && (environment("NO_COLOR") ?? "").isEmpty
  /// Columns of the terminal.
  static var width: Int {
    var size = winsize()
    guard ioctl(2, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
    return Int(size.ws_col)
  }

  /// Writes a line for people to standard output, with control characters spelt out.
  static func result(_ line: String) { exactResult(PrintableText.escaped(line)) }

  /// Writes a line for programs to standard output, as it is.
  static func exactResult(_ line: String) {
    if !write(line + "\n", to: 1) { lostResult.store(errno, ordering: .relaxed) }
  }

  /// Throws when a result could not be written, as to a full disk.
  static func checkResults() throws {
    let code = lostResult.exchange(0, ordering: .relaxed)
    // A reader such as `head` may close the pipe when it has enough.
    if code != 0, code != EPIPE {
      throw LostResults(cause: FileError("write", "standard output", code: code))
    }
  }

  /// The error of the last result that was not written; 0 for none.
  private static let lostResult = Atomic<Int32>(0)

  /// Writes a line to standard error as it is; what files or users wrote in it must be `printable`.
  static func message(_ line: String) { _ = write(line + "\n", to: 2) }

  /// Writes text to standard error as it is.
  static func raw(_ text: String) { _ = write(text, to: 2) }

  /// The text in a colour, where colours are used.
  static func coloured(_ text: String, _ colour: Colour) -> String {
    usesColour ? "\u{1b}[\(colour.rawValue)m\(text)\u{1b}[0m" : text
  }

  enum Colour: String {
    case dim = "2"
    case red = "31"
    case green = "32"
    case yellow = "33"
  }

  /// A variable of the environment.
  static func environment(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }

  /// Whether all of the text was written.
  private static func write(_ text: String, to descriptor: Int32) -> Bool {
    var bytes = Array(text.utf8)[...]
    while !bytes.isEmpty {
      let count = bytes.withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { return false }
      bytes = bytes.dropFirst(count)
    }
    return true
  }
}

/// Results were printed and could not be written.
struct LostResults: ExitStatusError, CustomStringConvertible {
  let cause: FileError

  /// A full disk too: what was printed is gone, whatever happens later.
  var exitStatus: ExitStatus { .ioError }
  var description: String { cause.description }
}
