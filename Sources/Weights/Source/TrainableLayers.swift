package import TensorRuntime

/// The layers of a model that are trained, by their path in the checkpoint.
package struct TrainableLayers: Sendable {
  /// What is added to convolutions and linear layers.
  package var adapters: [String: LowRankAdapter] = [:]
  /// The gain and offset of group normalisations.
  package var norms: [String: (weight: Parameter, bias: Parameter)] = [:]

  /// Nothing is trained until layers are added.
  package init() {}

  /// Every parameter, in the order of their names.
  package var parameters: [Parameter] {
    let all =
      adapters.values.flatMap { [$0.down, $0.up] } + norms.values.flatMap { [$0.weight, $0.bias] }
    return all.sorted { $0.name < $1.name }
  }
}
