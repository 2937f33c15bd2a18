import ResgraphFiles
public import TensorRuntime

/// A model with a LoRA merged in: `W + scale · alpha/rank · up · down`, in float32, when a tensor is read.
///
/// Several can be stacked, and each adds its own product. Tensors that the adapter does not change,
/// which are all of them when the scale is 0, are returned as they are.
public struct LoRASource: WeightSource {
  /// Says which modules of the adapter match a module of the model.
  public let report: LoadReport
  private let base: any WeightSource
  private let adapter: LoRAAdapter
  private let scale: Float
  private let component: Component
  private let blocks: LoRABlockWeights?
  private let factor: @Sendable (String) -> Double
  private let modules: [String: [LoRAAdapter.Module]]

  /// Matches an adapter with a model; only headers are read.
  ///
  /// - Parameters:
  ///   - base: The model's tensors under diffusers' names.
  ///   - adapter: The adapter.
  ///   - scale: The user's weight; with 0 nothing changes.
  ///   - component: Which model `base` is.
  ///   - blocks: The weights by block; nil for 1 in all of them.
  /// - Throws: `WeightError` when the adapter belongs to another model or nothing matches.
  public init(
    base: any WeightSource, adapter: LoRAAdapter, scale: Float,
    component: Component = .unet, blocks: LoRABlockWeights? = nil
  ) throws {
    let plan = try LoRAPlan(adapter, base: base, component: component)
    self.base = base
    self.adapter = adapter
    self.scale = scale
    self.component = component
    self.blocks = blocks
    if let blocks {
      factor = try blocks.factors(base, component)
    } else {
      factor = { _ in 1 }
    }
    modules = scale == 0 ? [:] : plan.modules
    report = plan.report
  }

  /// Whether all tensors are the model's own, as at a scale of 0.
  package var changesNothing: Bool { modules.isEmpty }

  /// The names of the model's tensors.
  public var keys: [String] { base.keys }
  /// The model's and the adapter's paths.
  public var location: String { "\(base.location) with \(adapter.path)" }

  /// The type and shape of a tensor, or nil; merged tensors are float32.
  public func entry(_ key: String) -> WeightEntry? {
    guard let entry = base.entry(key), modules[key] != nil, factor(key) != 0 else {
      return base.entry(key)
    }
    return WeightEntry(dtype: .float32, shape: entry.shape)
  }

  /// The tensor, merged when the adapter has a module for it, or a `WeightError` saying why not.
  ///
  /// The merged values are computed whenever they are read.
  public func tensor(_ key: String) throws -> RawTensor {
    let tensor = try base.tensor(key)
    let factor = factor(key)
    guard let modules = modules[key], tensor.count > 0, factor != 0 else { return tensor }
    let products = try modules.map { module in
      LowRankProduct(
        up: try adapter.source.tensor(module.upKey),
        down: try adapter.source.tensor(module.downKey), rank: module.rank,
        scale: Float(Double(scale) * module.scale * factor))
    }
    return RawTensor(shape: tensor.shape) { output in
      tensor.copyFloats(into: output)
      for product in products {
        product.add(
          to: output, rows: tensor.shape[0], columns: tensor.count / tensor.shape[0])
      }
    }
  }

  /// The identity of model, adapter and scale; the model's own when the adapter changes nothing.
  public var digest: String {
    get throws {
      if changesNothing { return try base.digest }
      return try Digest.fields(
        [
          "lora", base.digest, adapter.digest, String(scale.bitPattern, radix: 16),
          component.rawValue,
        ] + (blocks.map { [$0.identity] } ?? []))
    }
  }
}

/// The product scale · up · down, which is added to a weight.
private struct LowRankProduct: Sendable {
  let up: RawTensor
  let down: RawTensor
  let rank: Int
  let scale: Float

  /// Adds the product to a row-major matrix, in parallel over blocks of rows.
  ///
  /// The blocks depend on the size alone, so the bits do not depend on the number of threads.
  func add(to output: UnsafeMutablePointer<Float>, rows: Int, columns: Int) {
    let matrix = SharedPointer(pointer: output)
    up.floats().withUnsafeBufferPointer { up in
      down.floats().withUnsafeBufferPointer { down in
        guard let upBase = up.baseAddress, let downBase = down.baseAddress else { return }
        Parallel.run(count: rows, grain: 64) { part in
          BLAS.multiply(
            (rows: part.count, columns: columns, inner: rank),
            BLAS.Matrix(pointer: upBase + part.lowerBound * rank, stride: rank),
            BLAS.Matrix(pointer: downBase, stride: columns),
            into: (matrix.pointer + part.lowerBound * columns, columns), scale: scale, keep: 1)
        }
      }
    }
  }
}

/// A pointer to memory of which several threads write different parts.
private struct SharedPointer: @unchecked Sendable {
  let pointer: UnsafeMutablePointer<Float>
}
