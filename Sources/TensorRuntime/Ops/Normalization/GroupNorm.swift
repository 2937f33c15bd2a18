/// Group normalisation of a feature map, with an optional activation in the same pass.
public struct GroupNorm: Sendable {
  /// The number of groups the channels are divided into.
  public let groups: Int
  /// Added to the variance.
  public let eps: Float
  private let stored: (weight: FloatView, bias: FloatView)
  /// The parameters that gain and offset are, where they are trained.
  package var trained: (weight: Parameter, bias: Parameter)?

  /// Makes a layer from stored weights.
  ///
  /// - Parameters:
  ///   - groups: The number of groups; divides the number of channels.
  ///   - weight: [C], the scale.
  ///   - bias: [C], the shift.
  ///   - eps: Added to the variance.
  public init(groups: Int, weight: RawTensor, bias: RawTensor, eps: Float) {
    precondition(
      weight.shape.count == 1 && weight.shape == bias.shape,
      "weight \(weight.shape) and bias \(bias.shape) are not both [C]")
    precondition(
      groups >= 1 && weight.count % groups == 0,
      "\(weight.count) channels cannot form \(groups) groups")
    self.groups = groups
    self.eps = eps
    stored = (weight.alignedFloats(), bias.alignedFloats())
  }

  /// Gain and offset as they are now.
  var affine: (weight: FloatView, bias: FloatView) {
    trained.map { (FloatView($0.weight.value), FloatView($0.bias.value)) } ?? stored
  }

  /// Normalises each group of each sample.
  ///
  /// - Parameters:
  ///   - x: [B, C, H, W], any layout.
  ///   - activation: Applied to the result.
  /// - Returns: [B, C, H, W], channels-last.
  public func callAsFunction(_ x: Tensor, activation: Activation = .none) -> Tensor {
    x.gradient != nil || trained != nil
      ? differentiable(x, activation: activation) : apply(x, activation: activation)
  }

  /// Normalises without a way back.
  func apply(_ x: Tensor, activation: Activation) -> Tensor {
    let size = x.featureMapSize
    let (weight, bias) = affine
    precondition(
      size.channels == weight.count, "\(weight.count) channels expected, got \(x.shape)")
    let problem = GroupNormProblem(
      batch: size.batch, pixels: size.height * size.width, channels: size.channels,
      groups: groups, eps: eps, activation: activation)
    let input = x.channelsLast()
    return withTensors(input) {
      Tensor(shape: x.shape, layout: .channelsLast) { destination in
        guard x.count > 0 else { return }
        let implementation = GroupNormTable.table.choose(problem)
        OpProfile.measure(problem, implementation.name) {
          implementation.body(
            GroupNormCall(
              problem: problem, input: input.base, weight: weight.pointer, bias: bias.pointer,
              output: destination))
        }
        withExtendedLifetime((weight, bias)) {}
      }
    }
  }
}

/// The sizes and options of a group normalisation.
struct GroupNormProblem: Sendable, CustomStringConvertible {
  let batch: Int
  /// Height · width.
  let pixels: Int
  let channels: Int
  let groups: Int
  let eps: Float
  let activation: Activation

  var channelsPerGroup: Int { channels / groups }

  var description: String {
    "\(batch)x\(pixels)x\(channels) groups \(groups)"
      + (activation == .none ? "" : " \(activation)")
  }
}

extension GroupNormProblem: ProfiledProblem {
  var op: String { "group_norm" }
  var kind: OpProfile.Kind { .norm }
}

/// A problem with its operands.
struct GroupNormCall {
  let problem: GroupNormProblem
  /// [batch, pixels, channels].
  let input: UnsafePointer<Float>
  /// [channels].
  let weight: UnsafePointer<Float>
  /// [channels].
  let bias: UnsafePointer<Float>
  /// [batch, pixels, channels].
  let output: UnsafeMutablePointer<Float>
}

/// The implementations of group normalisation.
enum GroupNormTable {
  typealias Body = @Sendable (GroupNormCall) -> Void

  static let table = DispatchTable(op: "group_norm", implementations: fast + [portable, reference])

  static let portable = Implementation<GroupNormProblem, Body>(
    name: "portable", isa: .generic, body: { portableGroupNorm($0) })

  static let reference = Implementation<GroupNormProblem, Body>(
    name: "reference", isa: .reference, body: { referenceGroupNorm($0) })
}
