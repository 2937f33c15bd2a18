import ArgumentParser
import TensorRuntime

/// Times single ops at the shapes of Stable Diffusion 1.5.
struct OpsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ops", abstract: "Times convolutions, linear layers, attention and norms.")

  @OptionGroup var options: BenchOptions
  @Option(help: "Only benchmarks whose names contain this.") var filter = ""

  func run() throws {
    options.apply()
    var report = BenchReport()
    for benchmark in OpBenchmark.standard
    where filter.isEmpty || benchmark.name.contains(filter) {
      let run = benchmark.prepare()
      run()
      let times = (0..<options.repeat).map { _ in seconds(run) }
      report.add(
        benchmark.name, times: times, operations: benchmark.operations, bytes: benchmark.bytes)
    }
    try report.print(asJSON: options.json)
  }
}

/// One op at one shape.
struct OpBenchmark {
  let name: String
  /// Additions and multiplications of the direct method.
  var operations: Double?
  /// Bytes read and written once.
  var bytes: Double?
  /// Makes inputs and weights, and returns what is timed.
  let prepare: () -> () -> Void

  static var standard: [OpBenchmark] {
    [
      convolution(320, 320, side: 64), convolution(960, 320, side: 64),
      convolution(640, 640, side: 32), convolution(1920, 640, side: 32),
      convolution(1280, 1280, side: 16), convolution(2560, 1280, side: 16),
      convolution(1280, 1280, side: 8), convolution(320, 320, side: 64, stride: 2),
      convolution(512, 512, side: 128, batch: 1), convolution(256, 256, side: 256, batch: 1),
      convolution(128, 128, side: 512, batch: 1), convolution(128, 3, side: 512, batch: 1),
      linear(8192, 320, 320), linear(8192, 320, 2560, gated: true), linear(8192, 1280, 320),
      linear(2048, 640, 5120, gated: true), linear(512, 1280, 10_240, gated: true),
      attention(4096, 4096, 40), attention(1024, 1024, 80), attention(256, 256, 160),
      attention(4096, 77, 40), groupNorm(320, side: 64, batch: 2),
      groupNorm(128, side: 512, batch: 1), layerNorm(8192, 320), activation(8192, 1280),
      sum(8192, 320), joining(320, 320, side: 64), reordering(320, side: 64),
    ]
  }

  private static func noise(_ shape: [Int]) -> Tensor {
    var generator = TorchGenerator(seed: 1)
    return generator.randn(shape)
  }

  private static func weight(_ shape: [Int]) -> RawTensor {
    let fan = shape.dropFirst().reduce(1, *)
    return RawTensor((noise(shape) * (1 / Float(fan).squareRoot())).floats(), shape: shape)
  }

  private static func convolution(
    _ inputs: Int, _ outputs: Int, side: Int, batch: Int = 2, stride: Int = 1
  ) -> OpBenchmark {
    let pixels = Double(batch * (side / stride) * (side / stride))
    return OpBenchmark(
      name: "conv3x3 \(inputs)->\(outputs) \(side)x\(side) batch \(batch) stride \(stride)",
      operations: 2 * 9 * pixels * Double(inputs * outputs)
    ) {
      let layer = Conv2D(
        weight: weight([outputs, inputs, 3, 3]),
        bias: RawTensor([Float](repeating: 0, count: outputs), shape: [outputs]),
        stride: stride, padding: .same(1))
      let x = noise([batch, inputs, side, side]).channelsLast()
      return { _ = layer(x) }
    }
  }

  private static func linear(
    _ rows: Int, _ inputs: Int, _ outputs: Int, gated: Bool = false
  ) -> OpBenchmark {
    OpBenchmark(
      name: "linear \(rows)x\(inputs)x\(outputs)\(gated ? " geglu" : "")",
      operations: 2 * Double(rows) * Double(inputs) * Double(outputs)
    ) {
      let layer = Linear(weight: weight([outputs, inputs]), bias: nil)
      let x = noise([rows, inputs])
      return { _ = gated ? layer.geglu(x) : layer(x) }
    }
  }

  private static func attention(_ queries: Int, _ keys: Int, _ size: Int) -> OpBenchmark {
    OpBenchmark(
      name: "attention \(queries)x\(keys) 8 heads of \(size) batch 2",
      operations: 2 * 8 * 4 * Double(queries) * Double(keys) * Double(size)
    ) {
      let query = noise([2, queries, 8 * size])
      let key = noise([2, keys, 8 * size])
      return { _ = scaledDotProductAttention(query: query, key: key, value: key, heads: 8) }
    }
  }

  private static func groupNorm(_ channels: Int, side: Int, batch: Int) -> OpBenchmark {
    OpBenchmark(
      name: "groupnorm+silu \(channels)x\(side)x\(side) batch \(batch)",
      bytes: 12 * Double(batch * side * side * channels)
    ) {
      let layer = GroupNorm(
        groups: 32, weight: weight([channels]), bias: weight([channels]), eps: 1e-5)
      let x = noise([batch, channels, side, side]).channelsLast()
      return { _ = layer(x, activation: .silu) }
    }
  }

  private static func layerNorm(_ rows: Int, _ width: Int) -> OpBenchmark {
    OpBenchmark(name: "layernorm \(rows)x\(width)", bytes: 8 * Double(rows * width)) {
      let layer = LayerNorm(weight: weight([width]), bias: weight([width]), eps: 1e-5)
      let x = noise([rows, width])
      return { _ = layer(x) }
    }
  }

  private static func activation(_ rows: Int, _ width: Int) -> OpBenchmark {
    OpBenchmark(name: "silu \(rows)x\(width)", bytes: 8 * Double(rows * width)) {
      let x = noise([rows, width])
      return { _ = silu(x) }
    }
  }

  private static func sum(_ rows: Int, _ width: Int) -> OpBenchmark {
    OpBenchmark(name: "add \(rows)x\(width)", bytes: 12 * Double(rows * width)) {
      let x = noise([rows, width])
      return { _ = x + x }
    }
  }

  private static func joining(_ first: Int, _ second: Int, side: Int) -> OpBenchmark {
    OpBenchmark(
      name: "concatenate \(first)+\(second) \(side)x\(side) batch 2",
      bytes: 16 * Double(side * side * (first + second))
    ) {
      let a = noise([2, first, side, side]).channelsLast()
      let b = noise([2, second, side, side]).channelsLast()
      return { _ = Tensor.concatenate([a, b], axis: 1) }
    }
  }

  private static func reordering(_ channels: Int, side: Int) -> OpBenchmark {
    OpBenchmark(
      name: "channels-last \(channels)x\(side)x\(side) batch 2",
      bytes: 16 * Double(side * side * channels)
    ) {
      let x = noise([2, channels, side, side])
      return { _ = x.channelsLast() }
    }
  }
}
