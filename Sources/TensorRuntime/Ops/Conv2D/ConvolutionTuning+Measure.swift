import ResgraphFiles

extension ConvolutionTuning {
  /// Measures every algorithm with the instruction set in use, on all threads.
  ///
  /// This takes a few seconds.
  ///
  /// Two shapes are timed, one with many channels and one with few, because the two speeds of an
  /// algorithm follow from its times for two different mixtures of work.
  ///
  /// - Returns: The speeds; empty where this instruction set has no kernels of its own.
  public static func measured() -> ConvolutionTuning {
    guard
      let kernels = KernelSet.offered.first(where: { RuntimeSettings.current.isa.allows($0.isa) })
    else {
      return ConvolutionTuning(speeds: [:])
    }
    let shapes = [(channels: 640, side: 32), (channels: 64, side: 128)].map {
      ConvProblem(
        batch: 1, inputChannels: $0.channels, outputChannels: $0.channels, sourceHeight: $0.side,
        sourceWidth: $0.side, height: $0.side, width: $0.side, kernelHeight: 3, kernelWidth: 3,
        stride: 1, padding: .same(1), activation: .none, hasBias: false, hasResidual: false,
        hasPerChannel: false)
    }
    let algorithms = Algorithm.allCases
    var runs = algorithms.map { way in shapes.map { TimedConvolution($0, way, kernels) } }
    // The algorithms take turns, so that a busy moment of the machine does not slow only one of
    // them.
    for _ in 0..<Self.rounds {
      for way in runs.indices {
        for shape in shapes.indices { runs[way][shape].measure() }
      }
    }
    var found: [Algorithm: Speed] = [:]
    for (algorithm, own) in zip(algorithms, runs) {
      found[algorithm] = speed(
        of: algorithm, shapes.map { ConvolutionWork($0, algorithm) }, own.map(\.fastest))
    }
    return ConvolutionTuning(speeds: [kernels.isa: found])
  }

  private static let rounds = 8

  /// Derives the speeds of an algorithm from its times for two mixtures of work.
  ///
  /// Small errors of the times become large errors of the speeds. Where the speeds are far from the
  /// built-in ones, or no two speeds explain the times, the built-in ones are scaled to the times.
  static func speed(
    of algorithm: Algorithm, _ works: [ConvolutionWork], _ times: [Double]
  ) -> Speed? {
    let scaled = builtIn[algorithm]?.scaled(works, times)
    guard let scaled, let solved = solve(works, times) else { return scaled }
    let plausible = 0.25...4.0
    let isNear =
      plausible.contains(solved.operations / scaled.operations)
      && plausible.contains(solved.transforms / scaled.transforms)
    return isNear ? solved : scaled
  }

  /// The two speeds that explain two times; nil when there are no such speeds.
  static func solve(_ works: [ConvolutionWork], _ times: [Double]) -> Speed? {
    let (a, b) = (works[0], works[1])
    let determinant = a.operations * b.transforms - b.operations * a.transforms
    guard determinant != 0 else { return nil }
    let perOperation = (times[0] * b.transforms - times[1] * a.transforms) / determinant
    let perTransform = (a.operations * times[1] - b.operations * times[0]) / determinant
    let speed = Speed(operations: 1 / perOperation, transforms: 1 / perTransform)
    return speed.isPlausible ? speed : nil
  }
}

extension ConvolutionTuning.Speed {
  /// These speeds times one factor, with which all works together take the time that was measured.
  func scaled(_ works: [ConvolutionWork], _ times: [Double]) -> Self? {
    let expected = works.reduce(0) { $0 + $1.operations / operations + $1.transforms / transforms }
    let factor = expected / times.reduce(0, +)
    let speed = Self(operations: operations * factor, transforms: transforms * factor)
    return speed.isPlausible ? speed : nil
  }
}

/// One algorithm for one convolution, and the time of its fastest run so far.
private struct TimedConvolution {
  private(set) var fastest = Double.infinity
  private let problem: ConvProblem
  private let kernel: any ConvKernel
  private let input: Tensor

  init(
    _ problem: ConvProblem, _ algorithm: ConvolutionTuning.Algorithm, _ kernels: KernelSet
  ) {
    let channels = problem.inputChannels
    let weight = RawTensor(
      [Float](repeating: 0.01, count: channels * channels * 9), shape: [channels, channels, 3, 3])
    let parameters = ConvParameters(weight: weight, bias: nil, stride: 1, padding: .same(1))
    if let tile = algorithm.tile {
      kernel = WinogradConv(parameters, kernels: kernels, tile: tile)
    } else {
      kernel = PatchConv(parameters, kernels: kernels)
    }
    input = Tensor.full([1, problem.height, problem.width, channels], 0.5)
    self.problem = problem
  }

  mutating func measure() {
    let clock = ContinuousClock()
    let start = clock.now
    let count = problem.outputPixels * problem.outputChannels
    let output = withTensors(input) {
      Tensor(shape: [count]) { output in
        kernel.run(
          ConvCall(
            problem: problem, input: input.base, residual: nil, perChannel: nil, output: output))
      }
    }
    let elapsed = start.duration(to: clock.now).inSeconds
    precondition(output.count == count)
    fastest = min(fastest, elapsed)
  }
}
