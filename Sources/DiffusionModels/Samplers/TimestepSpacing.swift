/// How timesteps are picked from the training schedule, with numpy's rounding.
enum TimestepSpacing: String, Sendable, CaseIterable {
  case leading
  case linspace
  case trailing

  /// The timesteps of the DDIM, PNDM and DDPM family: whole numbers, descending.
  func wholeTimesteps(_ count: Int, of trainCount: Int, offset: Int) -> [Double] {
    switch self {
    case .linspace:
      return Numpy.linspace(0, Double(trainCount - 1), count).map(Numpy.round).reversed()
    case .leading: return leading(count, ratio: trainCount / count, offset: offset)
    case .trailing: return trailing(from: trainCount, count, of: trainCount)
    }
  }

  /// Those timesteps, where every one of them was trained.
  ///
  /// - Throws: `SamplerError.badStepCount` when there are too many, or some lie outside.
  func timesteps(_ count: Int, of trainCount: Int, offset: Int) throws -> [Float] {
    try StepCount.check(count, trainCount: trainCount)
    let steps = wholeTimesteps(count, of: trainCount, offset: offset)
    try StepCount.check(timesteps: steps, trainCount: trainCount)
    return steps.map { Float($0) }
  }

  /// The timesteps of the Euler and Heun family: `linspace` is not rounded.
  func floatTimesteps(_ count: Int, of trainCount: Int, offset: Int) -> [Double] {
    guard self == .linspace else {
      return wholeTimesteps(count, of: trainCount, offset: offset)
    }
    return Numpy.linspace(0, Double(trainCount - 1), count).map { Double(Float($0)) }.reversed()
  }

  /// The timesteps of the multistep solvers, which are those of one step more, without the last.
  func multistepTimesteps(
    _ count: Int, of trainCount: Int, last: Int, offset: Int
  ) -> [Double] {
    switch self {
    case .linspace:
      let all = Numpy.linspace(0, Double(last - 1), count + 1).map(Numpy.round)
      return all.reversed().dropLast()
    case .leading:
      return leading(count + 1, ratio: last / (count + 1), offset: offset).dropLast()
    case .trailing: return trailing(from: last, count, of: trainCount)
    }
  }

  private func leading(_ count: Int, ratio: Int, offset: Int) -> [Double] {
    (0..<count).reversed().map { Double($0 * ratio + offset) }
  }

  private func trailing(from last: Int, _ count: Int, of trainCount: Int) -> [Double] {
    let step = Double(trainCount) / Double(count)
    return Numpy.arange(Double(last), 0, -step).map { Numpy.round($0) - 1 }
  }
}

/// The few numpy functions whose exact rounding schedules depend on.
enum Numpy {
  /// Rounds half to even.
  static func round(_ value: Double) -> Double { value.rounded(.toNearestOrEven) }

  /// `count` evenly spaced values, both ends included.
  static func linspace(_ start: Double, _ stop: Double, _ count: Int) -> [Double] {
    guard count > 1 else { return count == 1 ? [start] : [] }
    let step = (stop - start) / Double(count - 1)
    var values = (0..<count).map { Double($0) * step + start }
    values[count - 1] = stop
    return values
  }

  /// Values from `start` by `step` before `stop`; the increment is the rounded difference of the first two.
  static func arange(_ start: Double, _ stop: Double, _ step: Double) -> [Double] {
    let count = max(0, Int(((stop - start) / step).rounded(.up)))
    let delta = (start + step) - start
    return (0..<count).map { start + Double($0) * delta }
  }

  /// Linear interpolation in `values` at fractional indices, held constant outside.
  static func interpolate(_ positions: [Double], _ values: [Float]) -> [Double] {
    positions.map { position in
      if position <= 0 { return Double(values[0]) }
      if position >= Double(values.count - 1) { return Double(values[values.count - 1]) }
      let low = Int(position)
      let slope = Double(values[low + 1]) - Double(values[low])
      return slope * (position - Double(low)) + Double(values[low])
    }
  }
}
