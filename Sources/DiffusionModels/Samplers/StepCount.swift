/// The limits on the number of steps that all samplers share.
enum StepCount {
  /// Refuses schedules with timesteps that are not finite, because no step could be found by them.
  static func checkNumbers(_ timesteps: [Float]) throws {
    guard timesteps.allSatisfy(\.isFinite) else {
      throw SamplerError.badStepCount(
        count: timesteps.count, reason: "the schedule has timesteps that are not finite")
    }
  }

  static func check(_ count: Int, trainCount: Int) throws {
    guard count >= 1 else {
      throw SamplerError.badStepCount(count: count, reason: "at least one is needed")
    }
    guard count <= trainCount else {
      throw SamplerError.badStepCount(
        count: count, reason: "the model was trained with \(trainCount) timesteps")
    }
  }

  /// Checks that timesteps lie inside the training schedule, as looking them up requires.
  static func check(timesteps: [Double], trainCount: Int) throws {
    for timestep in timesteps where !(0...Double(trainCount - 1)).contains(timestep) {
      throw SamplerError.badStepCount(
        count: timesteps.count,
        reason: "timestep \(Int(timestep)) is outside the \(trainCount) trained ones")
    }
  }
}
