import Synchronization
import TensorRuntime

/// The time embeddings of all steps of a run, and their projections by residual blocks.
///
/// To project a single step, a block reads a weight of megabytes for one row. If the steps of a run
/// are known in advance, every block projects all of them at the first step. With this project's
/// own kernels the bits are those of projecting one step at a time.
final class RunTimes: Sendable {
  /// The embeddings after the activation, [steps · samples, timeChannels].
  private let embeddings: Tensor
  /// The number of rows for a step: 1, or one per sample.
  let samples: Int
  private let places: [Float: Int]
  /// The projections by layer.
  ///
  /// Layers are known by their identity, for the model lives longer than this.
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

  /// The time of a step; nil when the run has no such step.
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

/// The time of one step, for residual blocks.
struct StepTime: Sendable {
  /// The embedding after the activation, [1 or B, timeChannels].
  let embedding: Tensor
  /// The run to which the step belongs; nil for a single step.
  fileprivate let run: (times: RunTimes, rows: Range<Int>)?

  /// Projects the embedding by a block's layer: [1 or B, outputs].
  func projected(by layer: Linear) -> Tensor {
    guard let run else { return layer(embedding) }
    return run.times.projection(by: layer).slice(axis: 0, run.rows)
  }
}

extension StepTime {
  /// Makes the time of a single step.
  init(_ embedding: Tensor) { self.init(embedding: embedding, run: nil) }
}
