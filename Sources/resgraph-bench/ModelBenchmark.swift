import ArgumentParser
import Foundation
import ResgraphWeights
import TensorRuntime

/// What every model benchmark can be told.
struct ModelOptions: ParsableArguments {
  @Option(help: "A diffusers folder or a single checkpoint file.") var checkpoint: String
  @Option(help: "Width of the picture in pixels.") var width = 512
  @Option(help: "Height of the picture in pixels.") var height = 512
  @Option(help: "Write the last result here, as a safetensors file with one tensor `output`.")
  var output: String?
  @Option(help: "Read inputs by name from this safetensors file instead of making them up.")
  var inputs: String?
  @Flag(help: "Time each op during one more run.") var breakdown = false
  @Flag(
    help: """
      Wait for lines on standard input: one run, and one line with its seconds on standard output, \
      for each. For comparisons that alternate.
      """)
  var interactive = false

  func validate() throws {
    if width < 8 || height < 8 || width % 8 != 0 || height % 8 != 0 {
      throw ValidationError("--width and --height must be multiples of 8")
    }
  }

  /// An input from the file, or made up from a seed.
  func input(_ name: String, shape: [Int], seed: UInt64) throws -> Tensor {
    guard let inputs else {
      var generator = TorchGenerator(seed: seed)
      return generator.randn(shape)
    }
    let tensor = try SafetensorsFile(path: inputs).tensor(name)
    guard tensor.shape == shape else {
      throw ValidationError("\(name) in \(inputs) is \(tensor.shape), not \(shape)")
    }
    return Tensor(tensor)
  }
}

/// Times one model of a checkpoint.
protocol ModelCommand: ParsableCommand {
  var model: ModelOptions { get }
  var options: BenchOptions { get }
  /// What is timed, for the report.
  var work: String { get }

  /// Makes the model and its inputs, and gives the call to time.
  func load(_ checkpoint: CheckpointLayout) throws -> () throws -> Tensor
}

extension ModelCommand {
  func run() throws {
    try benchmark(work, model, options) { try load(.open(path: model.checkpoint)) }
  }
}

/// Runs a model as the options ask, and reports.
private func benchmark(
  _ name: String, _ model: ModelOptions, _ options: BenchOptions,
  load: () throws -> () throws -> Tensor
) throws {
  options.apply()
  var report = BenchReport(measuresPeak: !model.interactive)
  var run: () throws -> Tensor = { preconditionFailure("not loaded") }
  report.loadSeconds = try seconds { run = try load() }
  // A result is let go before the next is computed, as a denoising loop does.
  var result: Tensor?
  // The first run is not one that is reported, so it may count its arithmetic.
  OpProfile.start()
  report.firstRunSeconds = try seconds { result = try run() }
  let operations = OpProfile.stop().reduce(0) { $0 + $1.operations }
  if model.interactive {
    print("ready")
    flush()
    while readLine() != nil {
      print(try seconds { result = try run() })
      flush()
    }
  } else {
    let allocations = MemoryPool.systemAllocations
    report.add(
      name,
      times: try (0..<options.repeat).map { _ in
        result = nil
        return try seconds { result = try run() }
      },
      operations: operations)
    report.laterAllocations = MemoryPool.systemAllocations - allocations
  }
  if model.breakdown {
    OpProfile.start()
    let time = try seconds { result = try run() }
    report.add(profile: OpProfile.stop(), of: time)
  }
  report.peakPoolBytes = MemoryPool.peakBytes
  report.peakResidentBytes = BenchReport.peakResident()
  if let output = model.output, let result {
    try SafetensorsWriter.write(
      ["output": RawTensor(result.floats(), shape: result.shape)], to: output)
  }
  try report.print(asJSON: options.json)
}

/// Standard output is block-buffered when it is a pipe, and somebody waits for the line.
private func flush() { fflush(nil) }
