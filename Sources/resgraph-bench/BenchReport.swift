import Foundation
import TensorRuntime

/// What a benchmark found.
struct BenchReport: Codable {
  /// One line of results.
  struct Entry: Codable {
    var name: String
    var medianSeconds: Double
    var minimumSeconds: Double
    var runs: Int
    /// Arithmetic of the direct method, in billions of operations, where it is known.
    var gigaOperations: Double?
    /// `gigaOperations` over the median: above the peak where an algorithm saves multiplications.
    var gigaOperationsPerSecond: Double?
    var shareOfPeak: Double?
    /// Bytes read and written once, over the median, where memory is the limit.
    var gigabytesPerSecond: Double?
    /// How many times as fast as the first entry, the median of ratios pair by pair.
    var speedup: Double?
  }

  /// What a model spends on one kind of op.
  struct Share: Codable {
    var kind: String
    var seconds: Double
    /// Of the run in which the ops were timed.
    var shareOfRun: Double
    var gigaOperationsPerSecond: Double?
    var shareOfPeak: Double?
  }

  /// One line of a model's breakdown.
  struct Part: Codable {
    var kind: String
    var op: String
    var problem: String
    var implementation: String
    var calls: Int
    var seconds: Double
    var gigaOperationsPerSecond: Double?
  }

  var machine: String
  var isa: String
  var threads: Int
  var date: String
  /// Measured before the benchmark, in billions of operations per second.
  var peakGigaOperationsPerSecond: Double
  var entries: [Entry] = []
  var kinds: [Share] = []
  var breakdown: [Part] = []
  var loadSeconds: Double?
  var firstRunSeconds: Double?
  /// Blocks of memory asked of the system after the first run; none once the pool has warmed up.
  var laterAllocations: Int?
  var peakPoolBytes: Int?
  var peakResidentBytes: Int?

  /// Describes this machine and measures its peak.
  ///
  /// - Parameter measuresPeak: False leaves the peak at 0, where somebody waits for the first result.
  init(measuresPeak: Bool = true) {
    machine = Self.processorName()
    isa = RuntimeInfo.isa.rawValue
    threads = RuntimeInfo.threadCount
    date = ISO8601DateFormatter().string(from: Date())
    peakGigaOperationsPerSecond = measuresPeak ? RuntimeInfo.measurePeak() / 1e9 : 0
  }

  /// Adds the times of one benchmark.
  mutating func add(
    _ name: String, times: [Double], operations: Double? = nil, bytes: Double? = nil
  ) {
    let middle = median(times)
    let rate = operations.map { $0 / middle / 1e9 }
    entries.append(
      Entry(
        name: name, medianSeconds: middle, minimumSeconds: times.min() ?? middle,
        runs: times.count, gigaOperations: operations.map { $0 / 1e9 },
        gigaOperationsPerSecond: rate, shareOfPeak: rate.map { $0 / peakGigaOperationsPerSecond },
        gigabytesPerSecond: bytes.map { $0 / middle / 1e9 }))
  }

  /// Prints the report on standard output.
  func print(asJSON: Bool) throws {
    if asJSON {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
      encoder.keyEncodingStrategy = .convertToSnakeCase
      Swift.print(String(decoding: try encoder.encode(self), as: UTF8.self))
      return
    }
    Swift.print(
      "\(machine), \(isa), \(threads) threads, peak \(Self.format(peakGigaOperationsPerSecond)) GFLOP/s"
    )
    for entry in entries { Swift.print(Self.line(entry)) }
    if let loadSeconds { Swift.print("load \(Self.format(loadSeconds * 1e3)) ms") }
    if let firstRunSeconds {
      Swift.print("first run, with packing: \(Self.format(firstRunSeconds * 1e3)) ms")
    }
    if let laterAllocations { Swift.print("allocations after the first run: \(laterAllocations)") }
    if let peakPoolBytes { Swift.print("peak of the pool: \(peakPoolBytes >> 20) MiB") }
    if let peakResidentBytes {
      Swift.print("peak resident, with mapped files: \(peakResidentBytes >> 20) MiB")
    }
    for share in kinds { Swift.print(Self.line(share)) }
    for part in breakdown {
      let rate = part.gigaOperationsPerSecond.map { ", \(Self.format($0)) GFLOP/s" } ?? ""
      Swift.print(
        "  \(Self.format(part.seconds * 1e3)) ms\(rate)  \(part.calls)x \(part.op) \(part.problem)"
          + "  [\(part.implementation)]")
    }
  }

  /// Adds a profile: time by kind of op, what no op accounts for, and the ops one by one.
  mutating func add(profile: [OpProfile.Entry], of seconds: Double) {
    func rate(_ operations: Double, _ seconds: Double) -> Double? {
      operations > 0 ? operations / seconds / 1e9 : nil
    }
    for kind in OpProfile.Kind.allCases {
      let own = profile.filter { $0.kind == kind }
      if own.isEmpty { continue }
      let time = own.reduce(0) { $0 + $1.seconds }
      let speed = rate(own.reduce(0) { $0 + $1.operations }, time)
      kinds.append(
        Share(
          kind: kind.rawValue, seconds: time, shareOfRun: time / seconds,
          gigaOperationsPerSecond: speed,
          shareOfPeak: speed.map { $0 / peakGigaOperationsPerSecond }))
    }
    let rest = seconds - profile.reduce(0) { $0 + $1.seconds }
    kinds.append(Share(kind: "other", seconds: rest, shareOfRun: rest / seconds))
    breakdown = profile.map {
      Part(
        kind: $0.kind.rawValue, op: $0.op, problem: $0.problem, implementation: $0.implementation,
        calls: $0.calls, seconds: $0.seconds,
        gigaOperationsPerSecond: rate($0.operations, $0.seconds))
    }
  }

  private static func line(_ share: Share) -> String {
    var text = "  \(share.kind): \(format(share.seconds * 1e3)) ms"
    text += ", \(format(share.shareOfRun * 100)) %"
    if let rate = share.gigaOperationsPerSecond, let peak = share.shareOfPeak {
      text += ", \(format(rate)) GFLOP/s, \(format(peak * 100)) % of peak"
    }
    return text
  }

  private static func line(_ entry: Entry) -> String {
    var text = "\(entry.name): \(format(entry.medianSeconds * 1e3)) ms"
    text += " (best \(format(entry.minimumSeconds * 1e3)))"
    if let rate = entry.gigaOperationsPerSecond, let share = entry.shareOfPeak {
      text += ", \(format(rate)) GFLOP/s, \(format(share * 100)) % of peak"
    }
    if let rate = entry.gigabytesPerSecond { text += ", \(format(rate)) GB/s" }
    if let speedup = entry.speedup { text += ", \(format(speedup)) times the first" }
    return text
  }

  static func format(_ value: Double) -> String {
    String(format: value < 10 ? "%.2f" : value < 100 ? "%.1f" : "%.0f", value)
  }

  private static func processorName() -> String {
    let text = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
    let line = text.split(separator: "\n").first { $0.hasPrefix("model name") }
    guard let name = line?.split(separator: ":").last else { return "unknown processor" }
    return name.trimmingCharacters(in: .whitespaces)
  }

  /// The most memory this process ever had resident, in bytes.
  static func peakResident() -> Int? {
    guard let text = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8),
      let line = text.split(separator: "\n").first(where: { $0.hasPrefix("VmHWM:") }),
      let kilobytes = line.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap({
        Int($0)
      })
    else { return nil }
    return kilobytes << 10
  }
}
