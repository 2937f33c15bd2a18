#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// The settings in environment variables, which are read once.
struct RuntimeSettings: Sendable {
  static let current = RuntimeSettings(
    isa: environment("RESGRAPH_ISA"), verbose: environment("RESGRAPH_VERBOSE"),
    detected: .detected)

  /// The best instruction set that may be used.
  let isa: ISA
  /// Whether every choice of an implementation is printed.
  let printsDispatch: Bool
  /// Settings that cannot be followed, in one sentence each.
  let problems: [String]

  init(isa requested: String?, verbose: String?, detected: ISA) {
    var problems: [String] = []
    var cap = detected
    if let requested, !requested.isEmpty {
      if let asked = ISA(rawValue: requested) {
        cap = detected.capped(by: asked)
        if cap != asked {
          problems.append(
            "RESGRAPH_ISA=\(requested): this processor has no \(requested); \(detected) is used")
        }
      } else {
        let known = ISA.ladder.map(\.rawValue).joined(separator: ", ")
        problems.append("RESGRAPH_ISA=\(requested) is not known (known: \(known)) and is ignored")
      }
    }
    let topics = (verbose ?? "").split(separator: ",").map(String.init)
    for topic in topics where topic != "dispatch" {
      problems.append("RESGRAPH_VERBOSE=\(topic) is not known (known: dispatch) and is ignored")
    }
    isa = cap
    printsDispatch = topics.contains("dispatch")
    self.problems = problems
  }

  private static func environment(_ name: String) -> String? {
    getenv(name).map { String(cString: $0) }
  }
}

/// Writes one line to standard error.
func printToStandardError(_ line: String) {
  let bytes = Array((line + "\n").utf8)
  _ = bytes.withUnsafeBytes { write(2, $0.baseAddress, $0.count) }
}
