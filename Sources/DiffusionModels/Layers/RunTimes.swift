import Synchronization
import TensorRuntime

/// The time embeddings of all steps of a run, and what residual blocks made of them.
///
/// A block's projection of one step reads a weight of megabytes for a single row. Where a run's steps
/// are known ahead, every block projects all of them at its first step. With this project's own
/// kernels the numbers are those of one step at a time, to the bit.
final class RunTimes: Sendable {
  /// [steps · samples, timeChannels], behind the activation.
  private let embeddings: Tensor
  /// Rows of a step: 1, or one per sample.
  let samples: Int
  private let places: [Float: Int]
  /// By layer; the model that made this outlives it.
  private let projections = Mutex<[ObjectIdentifier: Tensor]>([:])

  /// Embeds the time steps of a run.
  ///
  /// - Parameters:
  ///   - timesteps: At least one; repeated ones are embedded once.
  ///   - embed: Gives [1 or B, timeChannels] for a time step.
  init(_ timesteps: [Float], embed: (Float) -> Tensor) {
    var places: [Float: Int] = [:]
    var rows: [Tensor] = []
    for timestep in timesteps where places[timestep] == nil {
      places[timestep] = rows.count
      rows.append(embed(timestep))
    }
    self.places = places
    samples = rows[0].shape[0]
    embeddings = Tensor.concatenate(rows, axis: 0)
  }

  /// The time of a step; nil for one that the run does not have.
  func step(_ timestep: Float) -> StepTime? {
    places[timestep].map { place in
      let rows = place * samples..<(place + 1) * samples
      return StepTime(embedding: embeddings.slice(axis: 0, rows), run: (self, rows))
    }
  }

  fileprivate func projection(by layer: Linear) -> Tensor {
    projections.withLock { known in
      if let projection = known[layer.identity] { return projection }
      let projection = layer(embeddings)
      known[layer.identity] = projection
      return projection
    }
  }
}

/// The time of one step, as residual blocks take it.
struct StepTime: Sendable {
  /// The embedding behind the activation, [1 or B, timeChannels].
  let embedding: Tensor
  /// The run that it is a step of; nil for a step on its own.
  fileprivate let run: (times: RunTimes, rows: Range<Int>)?

  /// What a block's layer makes of the embedding, [1 or B, outputs].
  func projected(by layer: Linear) -> Tensor {
    guard let run else { return layer(embedding) }
    return run.times.projection(by: layer).slice(axis: 0, run.rows)
  }
}

extension StepTime {
  /// A step on its own.
  init(_ embedding: Tensor) { self.init(embedding: embedding, run: nil) }
}
