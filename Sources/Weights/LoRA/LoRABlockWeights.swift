/// The weights of a LoRA in each block of a model.
///
/// Blocks are named one by one, or given by a list of numbers in the order that is customary for
/// block-weighted LoRAs: the text encoder, the way down, the middle, the way up.
public struct LoRABlockWeights: Sendable, Hashable {
  /// The part of a model that a name stands for.
  ///
  /// Where two names mean the same tensor, the one that is more specific counts.
  enum Selector: Sendable, Hashable {
    /// The text encoders, and the layers of a UNet outside its blocks.
    case base
    /// The down blocks, the middle or the up blocks.
    case side(Side)
    /// One down or up block.
    case block(Side, Int)
    /// One layer of a block: a residual block and its attention.
    case layer(Side, Int, Int)
    /// A member of the original code's lists `input_blocks` and `output_blocks`.
    case member(Side, Int)
  }

  enum Side: String, Sendable, Hashable {
    case down
    case middle = "mid"
    case up
  }

  private enum Form: Sendable, Hashable {
    case list([Double])
    case named([Selector: Double])
  }

  private let form: Form
  /// A text that is equal for equal weights.
  public let identity: String

  /// Makes weights from a list in the customary order.
  ///
  /// - Parameter list: For SD 1.x and 2.x 17 (blocks with attention) or 26 (all) numbers, for SDXL 12 or
  ///   20. Blocks that the shorter lists leave out have the weight 1.
  public init(list: [Double]) {
    form = .list(list)
    identity = list.map { "\($0)" }.joined(separator: ",")
  }

  /// Makes weights from names.
  ///
  /// Blocks that are not named have the weight 1.
  ///
  /// - Parameter names: `down`, `mid`, `up`; levels such as `down.1` and `up.block_2`; their
  ///   layers, such as `up.1.0`; members of the original lists, `IN04` and `OUT11`; `base` for text
  ///   encoders and the layers outside the blocks.
  /// - Throws: `WeightError.unsupportedAdapter` for a name that is none of these.
  public init(named names: [String: Double]) throws(WeightError) {
    var weights: [Selector: Double] = [:]
    for (name, weight) in names.sorted(by: { $0.key < $1.key }) {
      guard let selector = Selector(name) else {
        throw .unsupportedAdapter(
          adapter: "blocks",
          reason: "'\(name)' names no block; write down, mid, up, base, up.1, up.1.0, IN04, OUT11")
      }
      guard weights.updateValue(weight, forKey: selector) == nil else {
        throw .unsupportedAdapter(adapter: "blocks", reason: "'\(name)' is given twice")
      }
    }
    form = .named(weights)
    identity = names.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
      .joined(separator: ",")
  }
}

extension LoRABlockWeights.Selector {
  init?(_ name: String) {
    let text = name.lowercased()
    if ["base", "text_encoder"].contains(text) {
      self = .base
      return
    }
    if ["mid", "m00"].contains(text) {
      self = .side(.middle)
      return
    }
    for (prefix, side) in [("in", LoRABlockWeights.Side.down), ("out", .up)]
    where text.hasPrefix(prefix) {
      guard let index = Self.index(text.dropFirst(prefix.count)) else { return nil }
      self = .member(side, index)
      return
    }
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    guard let side = parts.first.flatMap({ LoRABlockWeights.Side(rawValue: String($0)) }),
      side != .middle, parts.count <= 3
    else { return nil }
    let numbers = parts.dropFirst().enumerated().compactMap { place, part in
      Self.index(place == 0 && part.hasPrefix("block_") ? part.dropFirst(6) : part)
    }
    guard numbers.count == parts.count - 1 else { return nil }
    switch numbers.count {
    case 0: self = .side(side)
    case 1: self = .block(side, numbers[0])
    default: self = .layer(side, numbers[0], numbers[1])
    }
  }

  private static func index(_ text: some StringProtocol) -> Int? {
    Int(text).flatMap { (0..<LDMNames.maximumIndex).contains($0) && text.first != "+" ? $0 : nil }
  }
}

extension LoRABlockWeights {
  /// The factor of every tensor of a model.
  ///
  /// - Parameters:
  ///   - base: The model's tensors under diffusers' names.
  ///   - component: Which model it is.
  /// - Returns: The factor by the tensor's name.
  /// - Throws: As `check(unet:)`.
  func factors(
    _ base: any WeightSource, _ component: Component
  ) throws(WeightError) -> @Sendable (String) -> Double {
    if component == .unet {
      let resolved = try resolved(unet: base)
      return { resolved.factor($0) }
    }
    // The first number of a list is the text encoder's.
    let weight: Double? =
      switch form {
      case .list(let list): list.first
      case .named(let weights): weights[.base]
      }
    return { _ in weight ?? 1 }
  }

  /// The weights with the names of one UNet's blocks.
  private struct Resolved: Sendable {
    let weights: [Selector: Double]
    let layers: Int

    /// The factor of one tensor.
    func factor(_ key: String) -> Double {
      guard let place = Place(key, layersPerBlock: layers) else { return weights[.base] ?? 1 }
      return place.selectors.lazy.compactMap { weights[$0] }.first ?? 1
    }
  }

  /// Checks that every block exists in a model.
  ///
  /// - Parameter unet: The UNet's tensors under diffusers' names.
  /// - Throws: `WeightError.unsupportedAdapter` for a list of a wrong length or a block that is not there.
  public func check(unet: any WeightSource) throws(WeightError) { _ = try resolved(unet: unet) }

  private func resolved(unet: any WeightSource) throws(WeightError) -> Resolved {
    let layers = max(1, SynthesizedConfig.count(unet, "down_blocks.0.resnets"))
    let places = unet.keys.compactMap { Place($0, layersPerBlock: layers) }
    let known = Set(places.flatMap(\.selectors))
    switch form {
    case .named(let weights):
      let strange = weights.keys.filter { $0 != .base && !known.contains($0) }
      guard strange.isEmpty else {
        throw .unsupportedAdapter(
          adapter: "blocks", reason: "the denoiser has no \(listed(strange.map(\.text).sorted()))")
      }
      return Resolved(weights: weights, layers: layers)
    case .list(let list):
      let all = Self.order(places)
      let short = Self.order(places.filter(\.isAttention))
      guard let order = [short, all].first(where: { $0.count == list.count }) else {
        throw .unsupportedAdapter(
          adapter: "blocks",
          reason: "a list for this denoiser has \(short.count) or \(all.count) numbers, "
            + "not \(list.count)")
      }
      return Resolved(
        weights: Dictionary(zip(order, list), uniquingKeysWith: { $1 }), layers: layers)
    }
  }

  /// The blocks that tensors lie in, in the customary order.
  private static func order(_ places: [Place]) -> [Selector] {
    func members(_ side: Side) -> [Selector] {
      Set(places.filter { $0.side == side }.compactMap(\.member)).sorted().map { .member(side, $0) }
    }
    return [.base] + members(.down) + [.side(.middle)] + members(.up)
  }
}

extension LoRABlockWeights.Selector {
  /// The name as a user writes it.
  fileprivate var text: String {
    func padded(_ index: Int) -> String { index < 10 ? "0\(index)" : "\(index)" }
    switch self {
    case .base: return "base"
    case .side(let side): return side.rawValue
    case .block(let side, let block): return "\(side.rawValue).\(block)"
    case .layer(let side, let block, let layer): return "\(side.rawValue).\(block).\(layer)"
    case .member(let side, let index): return (side == .down ? "IN" : "OUT") + padded(index)
    }
  }
}

/// The place of a tensor in the blocks of a UNet.
private struct Place {
  let side: LoRABlockWeights.Side
  var block: Int?
  /// The layer; nil for tensors between two levels.
  var layer: Int?
  /// The number in the original code's list.
  var member: Int?
  let isAttention: Bool

  init?(_ key: String, layersPerBlock layers: Int) {
    let parts = key.split(separator: ".", maxSplits: 4).map(String.init)
    if key == "conv_in.weight" || key == "conv_in.bias" {
      (side, member, isAttention) = (.down, 0, false)
      return
    }
    guard parts.count >= 4 else { return nil }
    isAttention = parts.contains("attentions")
    if parts[0] == "mid_block" {
      side = .middle
      return
    }
    guard ["down_blocks", "up_blocks"].contains(parts[0]), let block = Int(parts[1]),
      let index = Int(parts[3])
    else { return nil }
    side = parts[0] == "down_blocks" ? .down : .up
    self.block = block
    let isSampler = parts[2].hasSuffix("samplers")
    layer = isSampler ? nil : index
    switch side {
    case .down:
      member = isSampler ? (block + 1) * (layers + 1) : block * (layers + 1) + index + 1
    default: member = block * (layers + 1) + (isSampler ? layers : index)
    }
  }

  /// The names that mean this place, the most specific first.
  var selectors: [LoRABlockWeights.Selector] {
    var found: [LoRABlockWeights.Selector] = []
    if let member { found.append(.member(side, member)) }
    if let block, let layer { found.append(.layer(side, block, layer)) }
    if let block { found.append(.block(side, block)) }
    return found + [.side(side)]
  }
}
