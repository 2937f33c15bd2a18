import TensorRuntime

/// Everything that an ElasticDiffusion run needs to continue after a step with the same bits.
public struct ElasticState: Sendable {
  /// Steps done.
  public let completed: Int
  /// The latents after these calls.
  public let latents: Tensor
  let random: ElasticRandom
  /// The schedule of the run.
  ///
  /// A state can only continue a run with the same schedule.
  let timesteps: [Float]

  private static let header: [UInt8] = Array("RGES".utf8) + [1]

  /// The state as bytes, for a checkpoint.
  public var encoded: [UInt8] {
    var writer = ByteWriter(header: Self.header)
    writer.write(completed)
    writer.write(latents)
    writer.write(random.torch.encodedState)
    writer.write(random.numpy.encodedState)
    writer.write(Tensor(timesteps, shape: [timesteps.count]))
    return writer.bytes
  }
}

extension ElasticState {
  /// Reads a state.
  ///
  /// - Parameter bytes: The bytes of `encoded`.
  /// - Throws: `SavedStateError` when the bytes are something else.
  public init(encoded bytes: [UInt8]) throws {
    var reader = try ByteReader(bytes, header: Self.header)
    let completed = try reader.int()
    let latents = try reader.tensor()
    var random = ElasticRandom(seed: 0)
    random.torch = try reader.generator()
    random.numpy = try reader.generator()
    let timesteps = try reader.tensor()
    guard reader.isAtEnd, timesteps.rank == 1, (0...timesteps.count).contains(completed) else {
      throw SavedStateError("its parts do not fit each other")
    }
    self.init(
      completed: completed, latents: latents, random: random, timesteps: timesteps.floats())
  }
}
