import ResgraphFiles

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Counts the processors that this process may use.
enum ProcessorCount {
  /// The processors online, limited by the affinity mask and by the control group's quota.
  static func available() -> Int {
    var count = max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
    if let allowed = FileReader.kernelText("/proc/self/status").flatMap(allowedProcessors) {
      count = min(count, allowed)
    }
    if let quota = FileReader.kernelText("/sys/fs/cgroup/cpu.max").flatMap(quotaProcessors) {
      count = min(count, quota)
    }
    return count
  }

  /// Counts the bits of the hexadecimal mask in the `Cpus_allowed:` line.
  static func allowedProcessors(_ status: String) -> Int? {
    for line in status.split(separator: "\n") where line.hasPrefix("Cpus_allowed:") {
      let mask = line.dropFirst("Cpus_allowed:".count)
      let count = mask.reduce(0) { $0 + ($1.hexDigitValue?.nonzeroBitCount ?? 0) }
      return count > 0 ? count : nil
    }
    return nil
  }

  /// Reads "quota period" in microseconds, rounded up to whole processors; "max" is no limit.
  static func quotaProcessors(_ line: String) -> Int? {
    let fields = line.split(whereSeparator: \.isWhitespace)
    guard fields.count == 2, let quota = Int(fields[0]), let period = Int(fields[1]),
      quota > 0, period > 0
    else { return nil }
    return max(1, (quota - 1) / period + 1)
  }
}
