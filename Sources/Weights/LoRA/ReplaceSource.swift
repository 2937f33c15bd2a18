import ResgraphFiles
public import TensorRuntime

/// A model with some tensors replaced or blended: `(1 - w) · base + w · replacement`.
///
/// With w = 1 the values are exactly the replacement's, with w = 0 exactly the base's. The base's
/// share is limited to 0...1.
public struct ReplaceSource: WeightSource {
  /// The keys that were replaced.
  public let report: LoadReport
  private let base: any WeightSource
  private let replacements: any WeightSource
  private let blend: Float
  private let replaced: Set<String>

  /// Matches replacements with a model; only headers are read.
  ///
  /// - Parameters:
  ///   - base: The model's tensors under diffusers' names.
  ///   - replacements: Tensors of the same names and shapes. The model must have every one of them.
  ///   - blend: The weight w of the replacement.
  /// - Throws: `WeightError` naming the first key that the model lacks or has in another shape.
  public init(base: any WeightSource, replacements: any WeightSource, blend: Float = 1) throws {
    report = try Self.validate(replacements, against: base)
    self.base = base
    self.replacements = replacements
    self.blend = blend
    replaced = blend == 0 ? [] : Set(replacements.keys)
  }

  /// Checks from headers that the model has a tensor of the same shape for each replacement.
  ///
  /// - Parameters:
  ///   - replacements: Tensors of a model's names.
  ///   - base: The model.
  /// - Returns: The matched keys.
  /// - Throws: `WeightError` naming the first key that the model lacks or has in another shape.
  static func validate(
    _ replacements: any WeightSource, against base: any WeightSource
  ) throws -> LoadReport {
    var report = LoadReport()
    for key in replacements.keys {
      guard let target = base.entry(key) else {
        report.unused.append(key)
        continue
      }
      let matches = target.shape == replacements.entry(key)?.shape
      if matches { report.matched.append(key) } else { report.shapeMismatched.append(key) }
    }
    if let key = report.shapeMismatched.first {
      throw WeightError.adapterMismatch(
        adapter: replacements.location, key: key, target: key,
        expected: base.entry(key)?.shape ?? [], found: replacements.entry(key)?.shape ?? [],
        count: report.shapeMismatched.count)
    }
    guard report.unused.isEmpty, !report.matched.isEmpty else {
      throw WeightError.adapterKeysUnknown(
        adapter: replacements.location, keys: report.unused, target: base.location)
    }
    return report
  }

  /// Whether all tensors are the model's own, as at a blend of 0.
  package var changesNothing: Bool { replaced.isEmpty }

  /// The names of the model's tensors.
  public var keys: [String] { base.keys }
  /// The model's and the replacements' paths.
  public var location: String { "\(base.location) with \(replacements.location)" }

  /// The type and shape of a tensor, or nil; blended tensors are float32.
  public func entry(_ key: String) -> WeightEntry? {
    guard replaced.contains(key) else { return base.entry(key) }
    if blend == 1 { return replacements.entry(key) }
    return base.entry(key).map { WeightEntry(dtype: .float32, shape: $0.shape) }
  }

  /// The tensor, replaced or blended, or a `WeightError` saying why not.
  public func tensor(_ key: String) throws -> RawTensor {
    guard replaced.contains(key) else { return try base.tensor(key) }
    let replacement = try replacements.tensor(key)
    if blend == 1 { return replacement }
    let keep = min(max(1 - blend, 0), 1)
    let original = try base.tensor(key)
    let blend = blend
    return RawTensor(shape: replacement.shape) { output in
      original.copyFloats(into: output)
      for (index, value) in replacement.floats().enumerated() {
        output[index] = keep * output[index] + blend * value
      }
    }
  }

  /// The identity of model, replacements and blend; the model's own when nothing is replaced.
  public var digest: String {
    get throws {
      if changesNothing { return try base.digest }
      return try Digest.fields([
        "replace", base.digest, replacements.digest, String(blend.bitPattern, radix: 16),
      ])
    }
  }
}
