import TensorRuntime

/// Everything that a run needs to continue after a step with the same bits.
public struct DenoiseState: Sendable {
  /// The number of model calls so far.
  public let completed: Int
  /// The latents after these calls.
  public let latents: Tensor
  let generator: TorchGenerator
  let sampler: SamplerState
  /// The schedule of the run.
  ///
  /// A state can only continue a run with the same schedule.
  let timesteps: [Float]
}

extension DenoiseState {
  private static let header: [UInt8] = Array("RGDS".utf8) + [1]

  /// The state as bytes, for a checkpoint.
  public var encoded: [UInt8] {
    var writer = ByteWriter(header: Self.header)
    writer.write(completed)
    writer.write(latents)
    writer.write(generator.encodedState)
    writer.write(sampler.encoded)
    writer.write(Tensor(timesteps, shape: [timesteps.count]))
    return writer.bytes
  }

  /// Reads a state.
  ///
  /// - Parameter bytes: The bytes of `encoded`.
  /// - Throws: `SavedStateError` when the bytes are something else.
  public init(encoded bytes: [UInt8]) throws {
    var reader = try ByteReader(bytes, header: Self.header)
    let completed = try reader.int()
    let latents = try reader.tensor()
    let generator = try reader.generator()
    let sampler = try SamplerState(encoded: reader.block())
    let timesteps = try reader.tensor()
    guard reader.isAtEnd, timesteps.rank == 1, (0...timesteps.count).contains(completed) else {
      throw SavedStateError("its parts do not fit each other")
    }
    self.init(
      completed: completed, latents: latents, generator: generator, sampler: sampler,
      timesteps: timesteps.floats())
  }
}
