import ResgraphWeights
import TensorRuntime

extension ResAdapterParameters {
  /// The names of the files that diffusers and this engine load.
  static let loraFile = "pytorch_lora_weights.safetensors"
  static let normFile = "diffusion_pytorch_model.safetensors"
  static let normStateFile = "groupnorm_state_dict.pt"

  /// The changes by the names of the released files: without an alpha the scale is 1.
  var loraTensors: [String: RawTensor] {
    var tensors: [String: RawTensor] = [:]
    for (path, adapter) in layers.adapters {
      tensors["unet.\(path).lora_A.weight"] = Self.raw(adapter.down)
      tensors["unet.\(path).lora_B.weight"] = Self.raw(adapter.up)
    }
    return tensors
  }

  /// Gains and offsets by their names in the denoiser.
  var normTensors: [String: RawTensor] {
    var tensors: [String: RawTensor] = [:]
    for (path, norm) in layers.norms {
      tensors["\(path).weight"] = Self.raw(norm.weight)
      tensors["\(path).bias"] = Self.raw(norm.bias)
    }
    return tensors
  }

  private static func raw(_ parameter: Parameter) -> RawTensor {
    RawTensor(parameter.value.floats(), shape: parameter.shape)
  }

  /// Writes the files of what is trained into a folder, each atomically.
  ///
  /// - Throws: `FileError`.
  func write(to folder: String) throws {
    if !layers.adapters.isEmpty {
      try SafetensorsWriter.write(loraTensors, to: "\(folder)/\(Self.loraFile)")
    }
    if !layers.norms.isEmpty {
      try SafetensorsWriter.write(normTensors, to: "\(folder)/\(Self.normFile)")
      try TorchWriter.write(normTensors, to: "\(folder)/\(Self.normStateFile)")
    }
  }
}
