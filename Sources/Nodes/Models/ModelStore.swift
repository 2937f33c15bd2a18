import DiffusionModels
import GraphRuntime
import ResgraphWeights
import Synchronization
import TensorRuntime

/// Makes models from recipes.
///
/// It opens, merges and packs weights when a node computes with them, shares the models between
/// nodes, and frees the least recently used ones when they exceed the budget.
public final class ModelStore: Sendable {
  /// How many bytes of models may stay loaded.
  ///
  /// The model in use may exceed it.
  public let budgetBytes: Int
  private let state = Mutex(State())

  private struct Entry {
    let identity: String
    let model: any Sendable
    let byteCount: Int
  }

  private struct State {
    /// The least recently used first.
    var entries: [Entry] = []
    var loadCount = 0
  }

  /// Makes an empty store.
  ///
  /// - Parameter budgetBytes: How many bytes of models may stay loaded.
  public init(budgetBytes: Int) { self.budgetBytes = budgetBytes }

  /// How many models have been loaded so far.
  public var loadCount: Int { state.withLock { $0.loadCount } }
  /// The bytes of the models that are loaded.
  public var loadedBytes: Int { state.withLock { $0.entries.reduce(0) { $0 + $1.byteCount } } }

  /// Frees all models.
  public func removeAll() { state.withLock { $0.entries.removeAll() } }

  /// Frees one model.
  func remove(identity: String) {
    state.withLock { $0.entries.removeAll { $0.identity == identity } }
    // The next model's feature maps have other sizes.
    MemoryPool.trim()
  }

  /// The model of an identity, loaded if need be.
  ///
  /// Only one model is loaded at a time, because loading two at once would need the memory of both
  /// and save no time.
  func model<Model: Sendable>(
    identity: String, byteCount: () throws -> Int, load: () throws -> Model
  ) throws -> Model {
    try state.withLock { state in
      if let index = state.entries.firstIndex(where: { $0.identity == identity }) {
        let entry = state.entries.remove(at: index)
        state.entries.append(entry)
        if let model = entry.model as? Model { return model }
        preconditionFailure("two kinds of models have the identity \(identity)")
      }
      let count = try byteCount()
      // Models are freed before the new one is loaded, so that they are not in memory together.
      while !state.entries.isEmpty,
        state.entries.reduce(count, { $0 + $1.byteCount }) > budgetBytes
      {
        state.entries.removeFirst()
      }
      let model = try load()
      state.entries.append(Entry(identity: identity, model: model, byteCount: count))
      state.loadCount += 1
      return model
    }
  }
}

extension WeightSource {
  /// The bytes of all tensors after models have packed them.
  var packedByteCount: Int {
    keys.reduce(0) { sum, key in
      sum + (entry(key).map { $0.count * $0.dtype.packedByteCount } ?? 0)
    }
  }
}

extension ModelStore {
  /// The denoiser of a recipe.
  func unet(_ recipe: UNetRecipe) throws -> UNet2DConditionModel {
    try model(
      identity: recipe.identity, byteCount: { try recipe.source().packedByteCount },
      load: { try UNet2DConditionModel(WeightScope(recipe.source()), config: try recipe.config()) })
  }

  /// The autoencoder of a recipe.
  func vae(_ recipe: VAERecipe) throws -> Autoencoder {
    try model(
      identity: recipe.identity, byteCount: { try recipe.source().packedByteCount },
      load: { try Autoencoder(WeightScope(recipe.source()), config: try recipe.config()) })
  }

  /// The prompt encoder of a recipe.
  func promptEncoder(_ recipe: TextEncoderRecipe) throws -> PromptEncoder {
    try model(
      identity: recipe.identity, byteCount: { try recipe.packedByteCount() },
      load: { try PromptEncoder(recipe.checkpoint) })
  }
}
