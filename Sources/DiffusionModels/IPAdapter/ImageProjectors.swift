import ResgraphWeights
import TensorRuntime

/// Turns the result of an image encoder into tokens that a UNet attends to.
protocol ImageProjector: Sendable {
  /// Projects to [B, tokens, D].
  func callAsFunction(_ encoded: Tensor) -> Tensor
}

extension WeightScope {
  /// The shape of a tensor in the file, from which a projector takes its sizes.
  func shape(of name: String, rank: Int) throws -> [Int] {
    guard let entry = entry(name) else {
      // This throws the source's own error for a missing tensor.
      return try tensor(name, shape: []).shape
    }
    guard entry.shape.count == rank, entry.shape.allSatisfy({ $0 > 0 }) else {
      throw ModelError.invalidOption(
        model: "IPAdapter", option: self[name].path, reason: "has the shape \(entry.shape)")
    }
    return entry.shape
  }
}

/// One linear layer from an embedding to four tokens, then a normalisation (base and light).
struct EmbeddingProjector: ImageProjector {
  static let tokens = 4
  private let projection: Linear
  private let norm: LayerNorm

  init(_ weights: WeightScope, to width: Int) throws {
    let inputs = try weights.shape(of: "proj.weight", rank: 2)[1]
    projection = try weights.linear("proj", inputs, Self.tokens * width)
    norm = try weights.layerNorm("norm", width)
  }

  func callAsFunction(_ encoded: Tensor) -> Tensor {
    let flat = projection(encoded)
    return norm(flat.reshaped([flat.shape[0], Self.tokens, flat.shape[1] / Self.tokens]))
  }
}

/// Two linear layers over every token, then a normalisation (full-face).
struct TokenProjector: ImageProjector {
  private let up: Linear
  private let down: Linear
  private let norm: LayerNorm

  init(_ weights: WeightScope, to width: Int) throws {
    let shape = try weights.shape(of: "proj.0.weight", rank: 2)
    up = try weights.linear("proj.0", shape[1], shape[0])
    down = try weights.linear("proj.2", shape[0], width)
    norm = try weights.layerNorm("proj.3", width)
  }

  func callAsFunction(_ encoded: Tensor) -> Tensor {
    norm(down(up(encoded, activation: .gelu)))
  }
}

/// Learned queries that look at the encoder's tokens through several layers (plus).
struct Resampler: ImageProjector {
  private let latents: Tensor
  private let projectIn: Linear
  private let layers: [ResamplerLayer]
  private let projectOut: Linear
  private let norm: LayerNorm

  init(_ weights: WeightScope, to width: Int) throws {
    let shape = try weights.shape(of: "latents", rank: 3)
    let inner = shape[2]
    latents = Tensor(try weights.tensor("latents", shape: [1, shape[1], inner]))
    let inputs = try weights.shape(of: "proj_in.weight", rank: 2)[1]
    projectIn = try weights.linear("proj_in", inputs, inner)
    var layers: [ResamplerLayer] = []
    while weights.has("layers.\(layers.count)") {
      layers.append(try ResamplerLayer(weights["layers"][layers.count], width: inner))
    }
    self.layers = layers
    projectOut = try weights.linear("proj_out", inner, width)
    norm = try weights.layerNorm("norm_out", width)
  }

  func callAsFunction(_ encoded: Tensor) -> Tensor {
    let tokens = projectIn(encoded)
    let start = latents.repeated(toBatch: tokens.shape[0])
    return norm(projectOut(layers.reduce(start) { $1($0, tokens: tokens) }))
  }
}

/// One layer of a resampler: queries attend to the tokens and to themselves, and pass a
/// feed-forward network.
private struct ResamplerLayer: Sendable {
  private static let headWidth = 64
  private let tokenNorm: LayerNorm
  private let queryNorm: LayerNorm
  private let toQuery: Linear
  private let toKeyValue: Linear
  private let toOut: Linear
  private let forwardNorm: LayerNorm
  private let up: Linear
  private let down: Linear
  private let inner: Int

  init(_ weights: WeightScope, width: Int) throws {
    let attention = weights["0"]
    let forward = weights["1"]
    inner = try attention.shape(of: "to_q.weight", rank: 2)[0]
    guard inner % Self.headWidth == 0 else {
      throw ModelError.invalidOption(
        model: "IPAdapter", option: attention.path,
        reason: "\(inner) features are no whole heads of \(Self.headWidth)")
    }
    tokenNorm = try attention.layerNorm("norm1", width)
    queryNorm = try attention.layerNorm("norm2", width)
    toQuery = try attention.linear("to_q", width, inner, bias: false)
    toKeyValue = try attention.linear("to_kv", width, 2 * inner, bias: false)
    toOut = try attention.linear("to_out", inner, width, bias: false)
    forwardNorm = try forward.layerNorm("0", width)
    let hidden = try forward.shape(of: "1.weight", rank: 2)[0]
    up = try forward.linear("1", width, hidden, bias: false)
    down = try forward.linear("3", hidden, width, bias: false)
  }

  func callAsFunction(_ latents: Tensor, tokens: Tensor) -> Tensor {
    let queries = queryNorm(latents)
    let both = toKeyValue(Tensor.concatenate([tokenNorm(tokens), queries], axis: 1))
    let mixed = scaledDotProductAttention(
      query: toQuery(queries), key: both.slice(axis: 2, 0..<inner),
      value: both.slice(axis: 2, inner..<(2 * inner)), heads: inner / Self.headWidth)
    let hidden = toOut(mixed, residual: latents)
    return down(up(forwardNorm(hidden), activation: .gelu), residual: hidden)
  }
}
