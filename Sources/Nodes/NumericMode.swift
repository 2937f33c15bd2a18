import TensorRuntime

/// Names everything beside the graph and its files that the bits of a result depend on.
enum NumericMode {
  /// The arithmetic of this process: part of every cache key.
  static let current = [
    "fp32", RuntimeInfo.isa.rawValue, "convolutions " + ConvolutionTuning.current.identity,
    "OpenBLAS \(RuntimeInfo.openBLASCore) \(RuntimeInfo.openBLASConfig)",
    "resgraph \(EngineVersion.text)",
  ].joined(separator: ", ")
}
