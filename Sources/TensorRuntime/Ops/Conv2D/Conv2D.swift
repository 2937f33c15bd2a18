/// Rows and columns of zeros around a feature map.
public struct Padding: Sendable, Hashable {
  /// Rows above.
  public let top: Int
  /// Columns to the left.
  public let left: Int
  /// Rows below.
  public let bottom: Int
  /// Columns to the right.
  public let right: Int

  /// Pads each side by its own amount.
  ///
  /// - Parameters:
  ///   - top: Rows above.
  ///   - left: Columns to the left.
  ///   - bottom: Rows below.
  ///   - right: Columns to the right.
  public init(top: Int, left: Int, bottom: Int, right: Int) {
    precondition(min(top, left, bottom, right) >= 0, "padding cannot be negative")
    self.top = top
    self.left = left
    self.bottom = bottom
    self.right = right
  }

  /// The same padding on all sides.
  ///
  /// - Parameter amount: Rows and columns of zeros.
  /// - Returns: The padding.
  public static func same(_ amount: Int) -> Padding {
    Padding(top: amount, left: amount, bottom: amount, right: amount)
  }

  /// No padding.
  public static let none = Padding.same(0)
}

/// A two-dimensional convolution, y = activation(conv(x) + b + perChannel + residual).
public struct Conv2D: Sendable {
  let parameters: ConvParameters
  private let kernels = KernelCache<any ConvKernel>()

  let largeTileMap: Int
  /// The parameter that the weights are, where they are trained.
  let trained: Parameter?
  /// A trainable change of the weights.
  package var adapter: LowRankAdapter?

  /// The smallest maps, in pixels, for which a layer uses the fastest and least exact algorithm
  /// unless it is told otherwise.
  public static let largeMap = 128 * 128
  /// The number of channels taken.
  public var inputChannels: Int { parameters.inputChannels }
  /// The number of channels given.
  public var outputChannels: Int { parameters.outputChannels }

  /// Makes a layer from stored weights.
  ///
  /// - Parameters:
  ///   - weight: [O, I, kh, kw].
  ///   - bias: [O], or nil for none.
  ///   - stride: Pixels between outputs.
  ///   - padding: Zeros around the input.
  ///   - largeTileMap: The smallest maps, in pixels, for which F(6x6, 3x3) may be used. Its error
  ///     is four times that of smaller tiles.
  public init(
    weight: RawTensor, bias: RawTensor?, stride: Int = 1, padding: Padding,
    largeTileMap: Int = Conv2D.largeMap
  ) {
    precondition(
      weight.shape.count == 4 && weight.count > 0,
      "a convolution weight is [O, I, kh, kw], got \(weight.shape)")
    precondition(
      bias == nil || bias?.shape == [weight.shape[0]],
      "bias \(bias?.shape ?? []) does not fit \(weight.shape)")
    precondition(stride >= 1, "stride \(stride) is not positive")
    parameters = ConvParameters(
      weight: weight, bias: bias?.alignedFloats(), stride: stride, padding: padding)
    self.largeTileMap = largeTileMap
    trained = nil
  }

  /// Makes a layer of a parameter's present value, without bias, whose gradient is wanted.
  init(weight: Parameter, stride: Int, padding: Padding) {
    parameters = ConvParameters(
      weight: RawTensor(weight.value.floats(), shape: weight.shape), bias: nil, stride: stride,
      padding: padding)
    largeTileMap = Self.largeMap
    trained = weight
  }

  /// Applies the convolution.
  ///
  /// - Parameters:
  ///   - x: [B, I, H, W], any layout.
  ///   - residual: [B, O, H', W'], added before the activation.
  ///   - activation: Applied last.
  ///   - perChannel: [B, O], added to all pixels, such as a time embedding.
  ///   - size: When given, x is first enlarged to this size, nearest neighbour by ratio of sizes.
  /// - Returns: [B, O, H', W'], channels-last.
  public func callAsFunction(
    _ x: Tensor, residual: Tensor? = nil, activation: Activation = .none,
    perChannel: Tensor? = nil, upsampledTo size: (height: Int, width: Int)? = nil
  ) -> Tensor {
    if x.gradient != nil || residual?.gradient != nil || perChannel?.gradient != nil
      || trained != nil || adapter != nil
    {
      return differentiable(
        x, residual: residual, activation: activation, perChannel: perChannel, upsampledTo: size)
    }
    return apply(
      x, residual: residual, activation: activation, perChannel: perChannel, upsampledTo: size)
  }

  /// Applies the convolution without a way back.
  func apply(
    _ x: Tensor, residual: Tensor?, activation: Activation = .none, perChannel: Tensor?,
    upsampledTo size: (height: Int, width: Int)?
  ) -> Tensor {
    let problem = problem(x, residual, activation, perChannel, size)
    let shape = [problem.batch, outputChannels, problem.outputHeight, problem.outputWidth]
    precondition(
      residual == nil || residual?.shape == shape,
      "residual \(residual?.shape ?? []) does not fit \(shape)")
    precondition(
      perChannel == nil || perChannel?.shape == [problem.batch, outputChannels],
      "per-channel term \(perChannel?.shape ?? []) does not fit \(shape)")
    let input = x.channelsLast()
    let added = residual?.channelsLast()
    let channelTerm = perChannel?.contiguous()
    return withTensors(input, added, channelTerm) {
      Tensor(shape: shape, layout: .channelsLast) { destination in
        guard problem.outputPixels > 0 else { return }
        let implementation = ConvTable.table.choose(problem)
        let kernel = kernels.kernel(implementation.name) { implementation.body(parameters) }
        OpProfile.measure(problem, implementation.name) {
          kernel.run(
            ConvCall(
              problem: problem, input: input.base, residual: added?.base,
              perChannel: channelTerm?.base, output: destination))
        }
      }
    }
  }

  private func problem(
    _ x: Tensor, _ residual: Tensor?, _ activation: Activation, _ perChannel: Tensor?,
    _ size: (height: Int, width: Int)?
  ) -> ConvProblem {
    let (batch, channels, height, width) = x.featureMapSize
    precondition(
      channels == inputChannels,
      "a convolution of \(inputChannels) channels cannot take \(x.shape)")
    let problem = ConvProblem(
      batch: batch, inputChannels: channels, outputChannels: outputChannels, sourceHeight: height,
      sourceWidth: width, height: size?.height ?? height, width: size?.width ?? width,
      kernelHeight: parameters.kernelHeight, kernelWidth: parameters.kernelWidth,
      stride: parameters.stride, padding: parameters.padding, activation: activation,
      hasBias: parameters.bias != nil, hasResidual: residual != nil,
      hasPerChannel: perChannel != nil, largeTileMap: largeTileMap)
    precondition(
      batch == 0 || (problem.outputHeight > 0 && problem.outputWidth > 0),
      "a \(problem.kernelHeight)x\(problem.kernelWidth) kernel does not fit into \(x.shape)")
    return problem
  }
}

/// The stored weights of a convolution.
final class ConvParameters: Sendable {
  /// [O, I, kh, kw], as stored.
  let weight: RawTensor
  let bias: FloatView?
  let stride: Int
  let padding: Padding
  /// Packed forms that several kernels may share.
  let packs = PackCache()
  /// The convolution of the way back, once it was wanted.
  let backward = KernelCache<Conv2D>()
  /// The weight as float32 [O, I, kh, kw].
  ///
  /// Nothing is copied where it is stored as float32.
  var plainWeight: FloatView { weight.alignedFloats() }

  var outputChannels: Int { weight.shape[0] }
  var inputChannels: Int { weight.shape[1] }
  var kernelHeight: Int { weight.shape[2] }
  var kernelWidth: Int { weight.shape[3] }

  init(weight: RawTensor, bias: FloatView?, stride: Int, padding: Padding) {
    self.weight = weight
    self.bias = bias
    self.stride = stride
    self.padding = padding
  }
}

/// The sizes and options of a convolution.
struct ConvProblem: Sendable, CustomStringConvertible {
  let batch: Int
  let inputChannels: Int
  let outputChannels: Int
  /// The size of the input as it lies in memory.
  let sourceHeight: Int
  let sourceWidth: Int
  /// The size of the input that is convolved, which is larger if the input is enlarged first.
  let height: Int
  let width: Int
  let kernelHeight: Int
  let kernelWidth: Int
  let stride: Int
  let padding: Padding
  let activation: Activation
  let hasBias: Bool
  let hasResidual: Bool
  let hasPerChannel: Bool
  /// The smallest map, in pixels, for which the largest tiles may be used.
  var largeTileMap = Conv2D.largeMap

  var isUpsampled: Bool { sourceHeight != height || sourceWidth != width }
  var outputHeight: Int {
    Self.outputSize(height + padding.top + padding.bottom, kernelHeight, stride)
  }
  var outputWidth: Int {
    Self.outputSize(width + padding.left + padding.right, kernelWidth, stride)
  }
  /// The number of output pixels of the whole batch.
  var outputPixels: Int { batch * outputHeight * outputWidth }
  /// The length of the sum for one output.
  var taps: Int { kernelHeight * kernelWidth * inputChannels }

  private static func outputSize(_ padded: Int, _ kernel: Int, _ stride: Int) -> Int {
    padded < kernel ? 0 : (padded - kernel) / stride + 1
  }

  var description: String {
    var text = "[\(batch),\(inputChannels),\(sourceHeight),\(sourceWidth)]"
    if isUpsampled { text += "^\(height)x\(width)" }
    text += " \(kernelHeight)x\(kernelWidth) -> \(outputChannels)"
    if stride != 1 { text += " stride \(stride)" }
    if padding != .same(kernelHeight / 2) {
      text += " padding \(padding.top),\(padding.left),\(padding.bottom),\(padding.right)"
    }
    if activation != .none { text += " \(activation)" }
    return text + (hasPerChannel ? " +channels" : "") + (hasResidual ? " +residual" : "")
  }
}

extension ConvProblem: ProfiledProblem {
  var op: String { "conv2d" }
  var kind: OpProfile.Kind {
    switch (kernelHeight, kernelWidth) {
    case (3, 3): .conv3x3
    case (1, 1): .conv1x1
    default: .convOther
    }
  }
  var operations: Double { 2 * Double(outputPixels) * Double(taps) * Double(outputChannels) }
}

/// A problem with its operands; feature maps are dense B, H, W, C.
struct ConvCall {
  let problem: ConvProblem
  /// [batch, sourceHeight, sourceWidth, inputChannels].
  let input: UnsafePointer<Float>
  /// [batch, outputHeight, outputWidth, outputChannels], or nil.
  let residual: UnsafePointer<Float>?
  /// [batch, outputChannels], or nil.
  let perChannel: UnsafePointer<Float>?
  /// [batch, outputHeight, outputWidth, outputChannels].
  let output: UnsafeMutablePointer<Float>
}

/// One implementation with one layer's weights in its own form.
protocol ConvKernel: Sendable {
  /// Computes the whole result in parallel. It does not depend on the number of threads.
  func run(_ call: ConvCall)
}
