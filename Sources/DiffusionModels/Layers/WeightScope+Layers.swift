import ResgraphWeights
import TensorRuntime

/// Makes layers from their path in the checkpoint, and checks the shapes of their tensors.
extension WeightScope {
  /// A convolution `<name>.weight`, `<name>.bias`; odd kernels keep the size at stride 1.
  func convolution(
    _ name: String, _ inputs: Int, _ outputs: Int, kernel: Int = 3, stride: Int = 1,
    padding: Padding? = nil, largeTileMap: Int = Conv2D.largeMap
  ) throws -> Conv2D {
    let scope = self[name]
    var layer = Conv2D(
      weight: try scope.tensor("weight", shape: [outputs, inputs, kernel, kernel]),
      bias: try scope.tensor("bias", shape: [outputs]), stride: stride,
      padding: padding ?? .same(kernel / 2), largeTileMap: largeTileMap)
    layer.adapter = trainable?.adapters[scope.path]
    return layer
  }

  /// A convolution `<name>.weight` without bias.
  func convolutionWithoutBias(
    _ name: String, _ inputs: Int, _ outputs: Int, kernel: Int = 3, stride: Int = 1,
    padding: Padding? = nil
  ) throws -> Conv2D {
    Conv2D(
      weight: try self[name].tensor("weight", shape: [outputs, inputs, kernel, kernel]),
      bias: nil, stride: stride, padding: padding ?? .same(kernel / 2))
  }

  /// A linear layer `<name>.weight`, `<name>.bias`.
  func linear(_ name: String, _ inputs: Int, _ outputs: Int, bias: Bool = true) throws -> Linear {
    let scope = self[name]
    var layer = Linear(
      weight: try scope.tensor("weight", shape: [outputs, inputs]),
      bias: bias ? try scope.tensor("bias", shape: [outputs]) : nil)
    layer.adapter = trainable?.adapters[scope.path]
    return layer
  }

  /// A linear layer over channels whose weight may be stored as a 1x1 convolution.
  func pointwise(
    _ name: String, _ inputs: Int, _ outputs: Int, asConvolution: Bool
  ) throws -> Linear {
    guard asConvolution else { return try linear(name, inputs, outputs) }
    let scope = self[name]
    return Linear(
      weight: try scope.tensor("weight", shape: [outputs, inputs, 1, 1]),
      bias: try scope.tensor("bias", shape: [outputs]))
  }

  /// A group normalisation with gain and offset.
  func groupNorm(_ name: String, _ channels: Int, groups: Int, eps: Float) throws -> GroupNorm {
    guard channels % groups == 0 else {
      throw ModelError.invalidOption(
        model: self[name].path, option: "norm_num_groups",
        reason: "\(channels) channels cannot be split into \(groups) groups")
    }
    let scope = self[name]
    var layer = GroupNorm(
      groups: groups, weight: try scope.tensor("weight", shape: [channels]),
      bias: try scope.tensor("bias", shape: [channels]), eps: eps)
    layer.trained = trainable?.norms[scope.path]
    return layer
  }

  /// A layer normalisation with gain and offset.
  func layerNorm(_ name: String, _ width: Int, eps: Float = 1e-5) throws -> LayerNorm {
    let scope = self[name]
    return LayerNorm(
      weight: try scope.tensor("weight", shape: [width]),
      bias: try scope.tensor("bias", shape: [width]), eps: eps)
  }
}
