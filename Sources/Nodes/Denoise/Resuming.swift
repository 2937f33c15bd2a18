import DiffusionModels
import GraphRuntime
import TensorRuntime

/// The state of a denoising run after a step.
///
/// A run that continues from it gives the same bits.
protocol ResumableState {
  /// Steps done.
  var completed: Int { get }
  var encoded: [UInt8] { get }
  init(encoded bytes: [UInt8]) throws
}

extension DenoiseState: ResumableState {}
extension ElasticState: ResumableState {}

extension NodeContext {
  /// Runs steps from the saved state, and saves the state every few seconds where a store keeps it, and
  /// when the run is to stop.
  ///
  /// A state that is damaged or belongs to another run is not used: the run then starts over, with
  /// a warning.
  ///
  /// - Parameters:
  ///   - count: Steps of the whole run.
  ///   - run: Takes the state to go on from, and what it must call after every step: with the number of steps done,
  ///     and the state to save.
  /// - Returns: What `run` gives.
  /// - Throws: What `run` throws, or saving; cancellation after a step.
  func resuming<State: ResumableState>(
    of count: Int,
    _ run: (_ saved: State?, _ report: (Int, State) throws -> Void) throws -> Tensor
  ) throws -> Tensor {
    func start(_ saved: State?) throws -> Tensor {
      progress(step: saved?.completed ?? 0, of: count)
      return try run(saved) { done, state in
        progress(step: done, of: count)
        // After the last step the result is as good as there.
        guard done < count else { return }
        let stops = cancellation.reason != nil
        try snapshot.save(state.encoded, isLast: stops)
        if stops { try checkCancellation() }
      }
    }
    guard let bytes = snapshot.load() else { return try start(nil) }
    // States are looked at before the first step, so nothing is lost when their errors are caught.
    do {
      return try start(State(encoded: bytes))
    } catch let error as SavedStateError {
      warn("the saved state cannot be used, so all steps are taken again: \(error)")
      return try start(nil)
    }
  }
}
