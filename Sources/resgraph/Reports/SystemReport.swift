import Foundation
import Resgraph
import ResgraphFiles
import ResgraphWeights
import TensorRuntime

/// The report of `resgraph doctor` about this machine.
struct SystemReport: Sendable {
  /// Names and values, in the order in which they are printed.
  let lines: [(name: String, value: String)]
  /// Problems that the user should solve.
  let problems: [String]

  /// Looks at the machine.
  ///
  /// - Parameter modelPaths: The folders in which models are looked for.
  init(modelPaths: [String]) {
    let memory = MachineMemory.current
    lines = [
      ("processor", Self.processorName),
      ("instruction sets", Self.processorFlags.joined(separator: " ")),
      ("kernels", "\(RuntimeInfo.isa)" + Self.cap),
      ("threads", String(RuntimeInfo.threadCount)),
      ("OpenBLAS", "\(RuntimeInfo.openBLASCore): \(RuntimeInfo.openBLASConfig)"),
      ("memory", Self.gibibytes(memory.total) + " in the machine"),
      ("memory limit", memory.limit.map(Self.gibibytes) ?? "none"),
      ("memory free", memory.available.map(Self.gibibytes) ?? "unknown"),
      ("model paths", modelPaths.isEmpty ? "the graph's folder only" : Self.list(modelPaths)),
    ]
    var problems = RuntimeInfo.environmentProblems
    for path in modelPaths where FileStatus(path: path)?.kind != .folder {
      problems.append("\(path): named as a model path, but there is no such folder")
    }
    #if arch(x86_64)
    if RuntimeInfo.detectedISA == .generic {
      problems.append("this processor has no AVX2: the engine runs, several times slower")
    }
    #endif
    self.problems = problems
  }

  /// The report as JSON.
  var json: String {
    var members = Dictionary(
      lines.map { ($0.name.replacing(" ", with: "_"), JSONValue.string($0.value)) },
      uniquingKeysWith: { $1 })
    members["problems"] = .array(problems.map { .string($0) })
    members["schema_version"] = 1
    return JSONValue.object(members).canonicalText()
  }

  private static var cap: String {
    RuntimeInfo.isa == RuntimeInfo.detectedISA
      ? "" : " (the processor could run \(RuntimeInfo.detectedISA); RESGRAPH_ISA says less)"
  }

  private static func list(_ paths: [String]) -> String { paths.joined(separator: ", ") }

  /// A number of bytes for people.
  static func gibibytes(_ bytes: Int) -> String {
    let tenths = (Double(bytes) / Double(1 << 30) * 10).rounded() / 10
    return "\(tenths) GiB"
  }

  private static func processorField(_ names: String...) -> String? {
    guard let text = FileReader.kernelText("/proc/cpuinfo") else { return nil }
    for line in text.split(separator: "\n") {
      let parts = line.split(separator: ":", maxSplits: 1)
      guard parts.count == 2 else { continue }
      if names.contains(parts[0].trimmingCharacters(in: .whitespaces)) {
        return parts[1].trimmingCharacters(in: .whitespaces)
      }
    }
    return nil
  }

  private static var processorName: String { processorField("model name", "Model") ?? "unknown" }

  private static var processorFlags: [String] {
    let flags = (processorField("flags", "Features") ?? "").split(separator: " ").map(String.init)
    let wanted = ["sse4_2", "avx", "avx2", "fma", "f16c", "avx512", "amx", "asimd", "sve"]
    return flags.filter { flag in
      wanted.contains { flag == $0 } || flag.hasPrefix("avx512") || flag.hasPrefix("amx")
    }
  }
}
