import TensorRuntime

/// The numbers of AdamW.
public struct AdamWOptions: Sendable, Equatable {
  /// The learning rate, before its schedule.
  public var learningRate = 1e-4
  /// Decay of the mean gradient.
  public var beta1 = 0.9
  /// Decay of the mean squared gradient.
  public var beta2 = 0.999
  /// Share of each weight that a step takes away, times the learning rate.
  public var weightDecay = 1e-2
  /// Added to the root of the mean squared gradient.
  public var epsilon = 1e-8

  /// The defaults; set what differs.
  public init() {}

  func validate() throws {
    func check(_ isGood: Bool, _ option: String, _ reason: String) throws {
      if !isGood { throw TrainingError.badOption(option, reason) }
    }
    try check(
      learningRate.isFinite && learningRate >= 0, "learning_rate", "a number from 0 expected")
    for (option, value) in [("adam_beta1", beta1), ("adam_beta2", beta2)] {
      try check((0..<1).contains(value), option, "a number from 0 to below 1 expected")
    }
    try check(
      weightDecay.isFinite && weightDecay >= 0, "adam_weight_decay", "a number from 0 expected")
    try check(epsilon.isFinite && epsilon > 0, "adam_epsilon", "a positive number expected")
  }
}

/// Adam with decoupled weight decay (Loshchilov and Hutter, 2019), as `torch.optim.AdamW` computes it.
struct AdamW: Sendable {
  /// What the optimiser remembers of one parameter.
  struct Moments: Sendable {
    var mean: [Float]
    var square: [Float]
    /// Steps in which the parameter had a gradient.
    var steps = 0
  }

  let options: AdamWOptions
  /// By the parameter's name.
  var moments: [String: Moments] = [:]

  init(_ options: AdamWOptions) { self.options = options }

  /// Changes a parameter by its gradient; one without a gradient stays as it is.
  ///
  /// - Parameters:
  ///   - parameter: What to change.
  ///   - gradient: Its gradient, after clipping.
  ///   - rate: The learning rate of this step.
  mutating func update(_ parameter: Parameter, _ gradient: [Float], rate: Double) {
    var values = parameter.value.floats()
    let zeros = [Float](repeating: 0, count: values.count)
    var own = moments[parameter.name] ?? Moments(mean: zeros, square: zeros)
    own.steps += 1
    let kept = Float(1 - rate * options.weightDecay)
    let (beta1, beta2) = (Float(options.beta1), Float(options.beta2))
    let size = Float(rate / (1 - power(options.beta1, own.steps)))
    let root = Float((1 - power(options.beta2, own.steps)).squareRoot())
    let epsilon = Float(options.epsilon)
    for index in values.indices {
      let slope = gradient[index]
      own.mean[index] += (slope - own.mean[index]) * (1 - beta1)
      own.square[index] = own.square[index] * beta2 + slope * slope * (1 - beta2)
      let deviation = own.square[index].squareRoot() / root + epsilon
      values[index] = values[index] * kept - size * (own.mean[index] / deviation)
    }
    moments[parameter.name] = own
    parameter.value = Tensor(values, shape: parameter.shape)
  }

  /// A whole power, by squaring: the same on every system.
  private func power(_ base: Double, _ exponent: Int) -> Double {
    var (result, factor, left) = (1.0, base, exponent)
    while left > 0 {
      if left % 2 == 1 { result *= factor }
      factor *= factor
      left /= 2
    }
    return result
  }
}
