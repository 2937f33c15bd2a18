import ArgumentParser
import Foundation
import ResgraphFiles
import TensorRuntime

/// What every benchmark can be told.
struct BenchOptions: ParsableArguments {
  @Option(help: "Threads; the number of processors by default.")
  var threads: Int?

  @Option(help: "Timed runs; medians are reported.")
  var `repeat` = 5

  @Flag(help: "Print one JSON document instead of a table.")
  var json = false

  func validate() throws {
    if let threads, threads < 1 { throw ValidationError("--threads must be at least 1") }
    if self.repeat < 1 { throw ValidationError("--repeat must be at least 1") }
  }

  /// Sets the number of threads for the whole process, and says what the environment cannot have.
  func apply() { prepareRuntime(threads: threads) }
}

/// Sets the number of threads where it is given, and says what the environment cannot have.
func prepareRuntime(threads: Int?) {
  if let threads { Parallel.threadCount = threads }
  for problem in RuntimeInfo.environmentProblems {
    FileHandle.standardError.write(Data("warning: \(problem)\n".utf8))
  }
}

/// Runs work and returns the wall-clock seconds of it.
func seconds(_ body: () throws -> Void) rethrows -> Double {
  try ContinuousClock().measure(body).inSeconds
}

/// The middle of some times.
func median(_ times: [Double]) -> Double {
  let sorted = times.sorted()
  let middle = sorted.count / 2
  return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}
