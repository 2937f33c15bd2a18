import COpenBLAS
public import TensorRuntime

/// A model with a LoRA merged in: `W + scale · alpha/rank · up · down`, in float32, when a tensor is read.
///
/// Sources stack; each layer adds its own product. Tensors the adapter does not touch, and all of them when
/// the scale is 0, come through unchanged.
public struct LoRASource: WeightSource {
  /// Which modules of the adapter found their place.
  public let report: LoadReport
  private let base: any WeightSource
  private let adapter: LoRAAdapter
  private let scale: Float
  private let component: Component
  private let modules: [String: [LoRAAdapter.Module]]

  /// Matches an adapter with a model; only headers are read.
  ///
  /// - Parameters:
  ///   - base: The model's tensors under diffusers' names.
  ///   - adapter: The adapter.
  ///   - scale: The user's weight; 0 leaves the model as it is.
  ///   - prefix: Which model `base` is: `unet`, `text_encoder` or `text_encoder_2`.
  /// - Throws: `WeightError` when the adapter belongs to another model or nothing matches.
  public init(
    base: any WeightSource, adapter: LoRAAdapter, scale: Float, prefix: String = "unet"
  ) throws {
    guard let component = Component(rawValue: prefix) else {
      throw WeightError.unsupportedAdapter(
        adapter: adapter.path, reason: "'\(prefix)' is no part that a LoRA applies to")
    }
    let plan = try LoRAPlan(adapter, base: base, component: component)
    self.base = base
    self.adapter = adapter
    self.scale = scale
    self.component = component
    modules = scale == 0 ? [:] : plan.modules
    report = plan.report
  }

  /// The names of the model's tensors.
  public var keys: [String] { base.keys }
  /// The model's and the adapter's paths.
  public var location: String { "\(base.location) with \(adapter.path)" }

  /// The type and shape of a tensor, or nil; merged tensors are float32.
  public func entry(_ key: String) -> WeightEntry? {
    guard let entry = base.entry(key), modules[key] != nil else { return base.entry(key) }
    return WeightEntry(dtype: .float32, shape: entry.shape)
  }

  /// The tensor, merged when the adapter has a module for it, or a `WeightError` saying why not.
  public func tensor(_ key: String) throws -> RawTensor {
    let tensor = try base.tensor(key)
    guard let modules = modules[key], tensor.count > 0 else { return tensor }
    let owner = OwnedBytes(byteCount: tensor.count * MemoryLayout<Float>.size)
    let values = owner.bytes.assumingMemoryBound(to: Float.self)
    guard let output = values.baseAddress else { return tensor }
    tensor.copyFloats(into: output)
    for module in modules {
      addProduct(
        up: try adapter.source.tensor(module.upKey).floats(),
        down: try adapter.source.tensor(module.downKey).floats(),
        size: (rows: tensor.shape[0], columns: tensor.count / tensor.shape[0], rank: module.rank),
        scale: Float(Double(scale) * module.scale), to: output)
    }
    let bytes = UnsafeRawBufferPointer(
      start: output, count: tensor.count * MemoryLayout<Float>.size)
    return RawTensor(dtype: .float32, shape: tensor.shape, bytes: bytes, owner: owner)
  }

  /// The identity of model, adapter and scale; the model's own when the adapter changes nothing.
  public var digest: String {
    get throws {
      if modules.isEmpty { return try base.digest }
      return try Digest.fields([
        "lora", base.digest, adapter.digest, String(scale.bitPattern, radix: 16),
        component.rawValue,
      ])
    }
  }
}

/// Adds scale · up · down to a row-major matrix, in parallel over blocks of rows.
///
/// The blocks depend on the size alone, so the bits do not depend on the number of threads.
private func addProduct(
  up: [Float], down: [Float], size: (rows: Int, columns: Int, rank: Int), scale: Float,
  to output: UnsafeMutablePointer<Float>
) {
  _ = singleThreadedBLAS
  let matrix = SharedPointer(pointer: output)
  up.withUnsafeBufferPointer { up in
    down.withUnsafeBufferPointer { down in
      guard let upBase = up.baseAddress, let downBase = down.baseAddress else { return }
      Parallel.run(count: size.rows, grain: 64) { rows in
        cblas_sgemm(
          CblasRowMajor, CblasNoTrans, CblasNoTrans, Int32(rows.count), Int32(size.columns),
          Int32(size.rank), scale, upBase + rows.lowerBound * size.rank, Int32(size.rank), downBase,
          Int32(size.columns), 1, matrix.pointer + rows.lowerBound * size.columns,
          Int32(size.columns))
      }
    }
  }
}

/// Our own loop is the parallel one; the library's threads are turned off once.
private let singleThreadedBLAS: Void = openblas_set_num_threads(1)

/// A pointer that several threads write different parts through.
private struct SharedPointer: @unchecked Sendable {
  let pointer: UnsafeMutablePointer<Float>
}
