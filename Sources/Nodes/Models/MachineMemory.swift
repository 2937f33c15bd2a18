import Foundation
import ResgraphFiles

/// The memory that this process may use.
package struct MachineMemory: Sendable {
  /// Bytes in the machine.
  package let total: Int
  /// The control group's limit, where there is one.
  package let limit: Int?
  /// Bytes that are free or could be made free.
  package let available: Int?

  /// Asks the system.
  package static var current: MachineMemory {
    let kibibytes = { (name: String) -> Int? in
      let text = FileReader.kernelText("/proc/meminfo") ?? ""
      for line in text.split(separator: "\n") where line.hasPrefix(name + ":") {
        return line.split(separator: " ").dropFirst().first.flatMap { Int($0) }.map { $0 << 10 }
      }
      return nil
    }
    let total = kibibytes("MemTotal") ?? Int(clamping: ProcessInfo.processInfo.physicalMemory)
    let candidates = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"]
    let limits = candidates.compactMap { FileReader.kernelText($0) }
      .compactMap { Int($0.trimmingCharacters(in: .whitespacesAndNewlines)) }
    let limit = limits.filter { $0 < total }.min()
    return MachineMemory(total: total, limit: limit, available: kibibytes("MemAvailable"))
  }

  /// The most memory that this process can use.
  package var usable: Int { min(total, limit ?? total) }
}
