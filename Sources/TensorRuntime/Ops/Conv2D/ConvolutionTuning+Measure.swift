extension ConvolutionTuning {
  /// Measures every way with the instruction set in use, on all threads; takes a few seconds.
  ///
  /// Two shapes are timed, one with many channels and one with few, because the two speeds of a way
  /// follow from its times for two different mixtures of work.
  ///
  /// - Returns: The speeds; empty where this instruction set has no kernels of its own.
  public static func measured() -> ConvolutionTuning {
    guard let kernels = KernelSet.offered.first(where: { $0.isa <= RuntimeInfo.isa }) else {
      return ConvolutionTuning(speeds: [:])
    }
    let shapes = [(channels: 640, side: 32), (channels: 64, side: 128)].map {
      ConvProblem(
        batch: 1, inputChannels: $0.channels, outputChannels: $0.channels, sourceHeight: $0.side,
        sourceWidth: $0.side, height: $0.side, width: $0.side, kernelHeight: 3, kernelWidth: 3,
        stride: 1, padding: .same(1), activation: .none, hasBias: false, hasResidual: false,
        hasPerChannel: false)
    }
    var found: [Algorithm: Speed] = [:]
    for algorithm in Algorithm.allCases {
      let times = shapes.map { fastest($0, algorithm, kernels) }
      let works = shapes.map { ConvolutionWork($0, algorithm) }
      found[algorithm] = solve(works, times) ?? builtIn[algorithm]?.scaled(works, times)
    }
    return ConvolutionTuning(speeds: [kernels.isa: found])
  }

  /// The two speeds that explain two times; nil when none do.
  static func solve(_ works: [ConvolutionWork], _ times: [Double]) -> Speed? {
    let (a, b) = (works[0], works[1])
    let determinant = a.operations * b.transforms - b.operations * a.transforms
    guard determinant != 0 else { return nil }
    let perOperation = (times[0] * b.transforms - times[1] * a.transforms) / determinant
    let perTransform = (a.operations * times[1] - b.operations * times[0]) / determinant
    let speed = Speed(operations: 1 / perOperation, transforms: 1 / perTransform)
    return speed.isPlausible ? speed : nil
  }

  /// Seconds of the fastest of a few runs.
  private static func fastest(
    _ problem: ConvProblem, _ algorithm: Algorithm, _ kernels: KernelSet
  ) -> Double {
    let channels = problem.inputChannels
    let weight = RawTensor(
      [Float](repeating: 0.01, count: channels * channels * 9), shape: [channels, channels, 3, 3])
    let parameters = ConvParameters(weight: weight, bias: nil, stride: 1, padding: .same(1))
    let kernel: any ConvKernel =
      algorithm.tile.map { WinogradConv(parameters, kernels: kernels, tile: $0) }
      ?? PatchConv(parameters, kernels: kernels)
    let input = Tensor.full([1, problem.height, problem.width, channels], 0.5)
    let clock = ContinuousClock()
    var best = Double.infinity
    for _ in 0..<5 {
      let start = clock.now
      let output = withTensors(input) {
        Tensor(shape: [problem.outputPixels * channels]) { output in
          kernel.run(
            ConvCall(
              problem: problem, input: input.base, residual: nil, perChannel: nil, output: output))
        }
      }
      let elapsed = start.duration(to: clock.now).components
      precondition(output.count == problem.outputPixels * channels)
      best = min(best, Double(elapsed.seconds) + Double(elapsed.attoseconds) * 1e-18)
    }
    return best
  }
}

extension ConvolutionTuning.Speed {
  /// These speeds in proportion, such that all works together take the time they took.
  ///
  /// For times that no two speeds explain: another way's measured speeds must not be compared with
  /// those of some other machine.
  func scaled(_ works: [ConvolutionWork], _ times: [Double]) -> Self? {
    let expected = works.reduce(0) { $0 + $1.operations / operations + $1.transforms / transforms }
    let factor = expected / times.reduce(0, +)
    let speed = Self(operations: operations * factor, transforms: transforms * factor)
    return speed.isPlausible ? speed : nil
  }
}
