import Foundation
import ResgraphWeights
import TensorRuntime

/// What the engine finds on this machine: for `resgraph doctor`.
public struct SystemReport: Sendable {
  /// Names and values, in the order in which they are printed.
  public let lines: [(name: String, value: String)]
  /// What should be put right.
  public let problems: [String]

  /// Looks at the machine.
  ///
  /// - Parameter modelPaths: The folders in which models are looked for.
  public init(modelPaths: [String]) {
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
    for path in modelPaths where !Self.isFolder(path) {
      problems.append("\(path): named as a model path, but there is no such folder")
    }
    if RuntimeInfo.detectedISA == .generic {
      problems.append("this processor has no AVX2: the engine runs, several times slower")
    }
    self.problems = problems
  }

  /// The report as JSON.
  public var json: String {
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

  private static func isFolder(_ path: String) -> Bool {
    var isFolder: ObjCBool = false
    return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
      && isFolder.boolValue
  }

  /// A number of bytes for people.
  static func gibibytes(_ bytes: Int) -> String {
    let tenths = (Double(bytes) / Double(1 << 30) * 10).rounded() / 10
    return "\(tenths) GiB"
  }

  private static func processorField(_ names: String...) -> String? {
    guard let text = MachineMemory.contents("/proc/cpuinfo") else { return nil }
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

/// The memory that this process may use.
public struct MachineMemory: Sendable {
  /// Bytes in the machine.
  public let total: Int
  /// The control group's limit, where there is one.
  public let limit: Int?
  /// Bytes that are free or could be made free.
  public let available: Int?

  /// What the system says now.
  public static var current: MachineMemory {
    let kibibytes = { (name: String) -> Int? in
      let text = contents("/proc/meminfo") ?? ""
      for line in text.split(separator: "\n") where line.hasPrefix(name + ":") {
        return line.split(separator: " ").dropFirst().first.flatMap { Int($0) }.map { $0 << 10 }
      }
      return nil
    }
    let total = kibibytes("MemTotal") ?? Int(clamping: ProcessInfo.processInfo.physicalMemory)
    let candidates = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"]
    let limits = candidates.compactMap { contents($0) }
      .compactMap { Int($0.trimmingCharacters(in: .whitespacesAndNewlines)) }
    let limit = limits.filter { $0 < total }.min()
    return MachineMemory(total: total, limit: limit, available: kibibytes("MemAvailable"))
  }

  /// The most that this process can count on.
  public var usable: Int { min(total, limit ?? total) }

  static func contents(_ path: String) -> String? {
    // Files of /proc have no length, so they are read to their end.
    guard let handle = FileHandle(forReadingAtPath: path) else { return nil }
    defer { try? handle.close() }
    return (try? handle.readToEnd()).flatMap { $0 }.map { String(decoding: $0, as: UTF8.self) }
  }
}
