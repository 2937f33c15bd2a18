import ResgraphWeights
import TensorRuntime

/// The embedding of the time step, and the embedding that SDXL adds to it.
struct UNetTimeEmbedding: Sendable {
  private let sinusoids: Timesteps
  private let embedding: TimestepEmbedding
  private let added: (sinusoids: Timesteps, embedding: TimestepEmbedding)?
  private let activation: Activation

  /// Loads `time_embedding` and, where configured, `add_embedding`.
  init(_ weights: WeightScope, _ config: UNetConfig) throws {
    let channels = config.levels[0].channels
    activation = config.activation
    sinusoids = Timesteps(
      channels: channels, cosineFirst: config.cosineFirst, frequencyShift: config.frequencyShift)
    embedding = try TimestepEmbedding(
      weights["time_embedding"], from: channels, to: config.timeChannels,
      activation: config.activation, conditionChannels: config.timestepCondWidth)
    added = try config.textTime.map { textTime in
      (
        Timesteps(
          channels: textTime.timeChannels, cosineFirst: config.cosineFirst,
          frequencyShift: config.frequencyShift),
        try TimestepEmbedding(
          weights["add_embedding"], from: textTime.inputWidth, to: config.timeChannels)
      )
    }
  }

  /// The added embedding of SDXL, [B, timeChannels]; nil for models without one.
  func addedEmbedding(_ conditions: UNetConditions) -> Tensor? {
    guard let added else { return nil }
    guard let pooled = conditions.prompt.pooled, let ids = conditions.prompt.timeIDs else {
      preconditionFailure("this UNet needs the pooled text and the time ids")
    }
    let rows = ids.shape[0]
    let times = added.sinusoids(ids.floats()).reshaped(
      [rows, ids.count / max(1, rows) * added.sinusoids.channels])
    let batch = max(pooled.shape[0], times.shape[0])
    return added.embedding(
      Tensor.concatenate(
        [pooled.repeated(toBatch: batch), times.repeated(toBatch: batch)], axis: 1))
  }

  /// Embeds time steps, and applies the activation with which every residual block begins.
  ///
  /// - Parameters:
  ///   - timesteps: One time step for all samples, or one per sample.
  ///   - condition: The guidance embedding of latent-consistency models.
  ///   - added: The added embedding of SDXL.
  /// - Returns: [1 or B, timeChannels].
  func callAsFunction(timesteps: [Float], condition: Tensor?, added: Tensor?) -> Tensor {
    let time = embedding(sinusoids(timesteps), condition: condition)
    return activate(time.adding(added), activation)
  }

  var children: [ModuleChild] {
    [("time_embedding", embedding)] + (added.map { [("add_embedding", $0.embedding)] } ?? [])
  }
}
