import Synchronization
import TensorRuntime

/// The time embeddings of all steps of a run, and what residual blocks made of them.
///
/// A block's projection of one step reads a weight of megabytes for a single row. Where a run's steps are known
/// ahead, every block projects all of them at its first step. The numbers are those of one step at a time.
final class RunTimes: Sendable {
  /// [steps · samples, timeChannels], behind the activation.
  private let embeddings: Tensor
  /// Rows of a step: 1, or one per sample.
  private let samples: Int
  private let places: [Float: Int]
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
      return StepTime(
        embedding: embeddings.slice(axis: 0, rows), run: StepTime.Place(times: self, rows: rows))
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
  fileprivate struct Place: Sendable {
    let times: RunTimes
    let rows: Range<Int>
  }

  /// The embedding behind the activation, [1 or B, timeChannels].
  let embedding: Tensor
  private let run: Place?

  /// A step on its own.
  init(_ embedding: Tensor) { self.init(embedding: embedding, run: nil) }

  fileprivate init(embedding: Tensor, run: Place?) {
    self.embedding = embedding
    self.run = run
  }

  /// What a block's layer makes of the embedding, [1 or B, outputs].
  func projected(by layer: Linear) -> Tensor {
    guard let run else { return layer(embedding) }
    return run.times.projection(by: layer).slice(axis: 0, run.rows)
  }
}
