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
  }

  /// One line of a model's breakdown.
  struct Part: Codable {
    var op: String
    var problem: String
    var implementation: String
    var calls: Int
    var seconds: Double
  }

  var machine: String
  var isa: String
  var threads: Int
  var date: String
  /// Measured before the benchmark, in billions of operations per second.
  var peakGigaOperationsPerSecond: Double
  var entries: [Entry] = []
  var breakdown: [Part] = []
  var loadSeconds: Double?
  var firstRunSeconds: Double?
  var peakPoolBytes: Int?
  var peakResidentBytes: Int?

  /// Describes this machine and measures its peak.
  init() {
    machine = Self.processorName()
    isa = RuntimeInfo.isa.rawValue
    threads = RuntimeInfo.threadCount
    date = ISO8601DateFormatter().string(from: Date())
    peakGigaOperationsPerSecond = RuntimeInfo.measurePeak() / 1e9
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
    if let peakPoolBytes { Swift.print("peak of the pool: \(peakPoolBytes >> 20) MiB") }
    if let peakResidentBytes {
      Swift.print("peak resident, with mapped files: \(peakResidentBytes >> 20) MiB")
    }
    for part in breakdown {
      Swift.print(
        "  \(Self.format(part.seconds * 1e3)) ms  \(part.calls)x \(part.op) \(part.problem)"
          + "  [\(part.implementation)]")
    }
  }

  private static func line(_ entry: Entry) -> String {
    var text = "\(entry.name): \(format(entry.medianSeconds * 1e3)) ms"
    text += " (best \(format(entry.minimumSeconds * 1e3)))"
    if let rate = entry.gigaOperationsPerSecond, let share = entry.shareOfPeak {
      text += ", \(format(rate)) GFLOP/s, \(format(share * 100)) % of peak"
    }
    if let rate = entry.gigabytesPerSecond { text += ", \(format(rate)) GB/s" }
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
