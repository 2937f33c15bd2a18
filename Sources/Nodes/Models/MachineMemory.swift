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
  /// The user's limit of this process's addresses (`ulimit -v`), where there is one.
  package let addressLimit: Int?
  /// Bytes that the system can move to disk.
  let swap: Int

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
    return MachineMemory(
      total: total, limit: limit, available: kibibytes("MemAvailable"),
      addressLimit: addressLimit(), swap: kibibytes("SwapTotal") ?? 0)
  }

  private static func addressLimit() -> Int? {
    var limit = rlimit()
    #if canImport(Glibc)
    let resource = __rlimit_resource_t(RLIMIT_AS.rawValue)
    #else
    let resource = RLIMIT_AS
    #endif
    guard getrlimit(resource, &limit) == 0, limit.rlim_cur < UInt64(Int.max) else { return nil }
    return Int(limit.rlim_cur)
  }

  /// The most memory that this process can use without moving any to disk.
  package var usable: Int { min(total, limit ?? total, addressLimit ?? total) }

  /// The memory that no run of this process can exceed.
  var ceiling: Int { min(limit ?? total + swap, addressLimit ?? total + swap) }
}
