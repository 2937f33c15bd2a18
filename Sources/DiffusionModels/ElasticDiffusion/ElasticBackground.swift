import ResgraphFiles
import ResgraphWeights
import TensorRuntime

/// Enlarges latents to the size that a UNet draws well, with strips of plain colour under the noise
/// of the time step.
///
/// The colour and noise of a strip depend only on its place, size and time step.
struct ElasticBackground: Sendable {
  private let autoencoder: Autoencoder
  private let sampler: DDIMSampler
  /// The strips of the present time step.
  private var strips: [String: Tensor] = [:]
  private var timestep: Float = -1

  init(autoencoder: Autoencoder, sampler: DDIMSampler) {
    self.autoencoder = autoencoder
    self.sampler = sampler
  }

  /// Puts strips around the latents: first left and right, then above and below.
  mutating func padded(
    _ latents: Tensor, by margins: Margins, timestep: Float, random: inout ElasticRandom
  ) -> Tensor {
    if timestep != self.timestep { (strips, self.timestep) = ([:], timestep) }
    var result = latents
    for (axis, sizes) in [(3, margins.columns), (2, margins.rows)] {
      let before = strip(result, axis, 1, sizes.before, &random)
      let after = strip(result, axis, 2, sizes.after, &random)
      result = Tensor.concatenate([before, result, after].compactMap(\.self), axis: axis)
    }
    return result
  }

  /// Makes one strip, repeated for the batch; nil when it has no width.
  private mutating func strip(
    _ latents: Tensor, _ axis: Int, _ side: Int, _ size: Int, _ random: inout ElasticRandom
  ) -> Tensor? {
    guard size > 0 else { return nil }
    let height = axis == 2 ? size : latents.shape[2]
    let width = axis == 3 ? size : latents.shape[3]
    let name = "\(axis)_\(side)_\(height)_\(width)_\(Int(timestep))"
    let strip = strips[name] ?? makeStrip(name, height, width)
    strips[name] = strip
    // The official code draws the strip again at every call, and continues with another seed.
    random.reseed()
    return strip.repeated(toBatch: latents.shape[0])
  }

  private func makeStrip(_ name: String, _ height: Int, _ width: Int) -> Tensor {
    var generator = TorchGenerator(seed: UInt64(Digest.md5Prefix(name)))
    let config = autoencoder.config
    let scale = config.downscale
    // As in the official code the colours lie in 0...1, although the autoencoder's pictures lie in
    // -1...1.
    let planes = generator.rand(config.inChannels).map {
      Tensor.full([1, 1, height * scale, width * scale], $0)
    }
    let (mean, logvar) = autoencoder.encode(Tensor.concatenate(planes, axis: 1))
    // The small architecture has one latent for each picture, so that nothing is drawn.
    let latent = logvar.map {
      AutoencoderKL.draw(mean: mean, logvar: $0, generator: &generator)
    }
    let clean = autoencoder.scaled(latent ?? mean)
    return sampler.addNoise(clean, noise: generator.randn(clean.shape), timestep: timestep)
  }

  /// The widths of the strips on each side of a latent.
  struct Margins: Sendable, Equatable {
    let rows: (before: Int, after: Int)
    let columns: (before: Int, after: Int)

    init(height: Int, width: Int, wanted: Int) {
      func split(_ length: Int) -> (Int, Int) {
        let missing = max(0, wanted - length)
        return (missing / 2, missing - missing / 2)
      }
      (rows, columns) = (split(height), split(width))
    }

    static func == (left: Margins, right: Margins) -> Bool {
      left.rows == right.rows && left.columns == right.columns
    }

    var isEmpty: Bool { rows.before + rows.after + columns.before + columns.after == 0 }

    /// Cuts the margins off.
    func cropped(_ x: Tensor) -> Tensor {
      x.slice(axis: 2, rows.before..<x.shape[2] - rows.after)
        .slice(axis: 3, columns.before..<x.shape[3] - columns.after)
    }

    /// Puts zeros around a control picture, `scale` pixels for each pixel of the latent.
    func padded(withZeros picture: Tensor, scale: Int) -> Tensor {
      var result = picture
      for (axis, sizes) in [(3, columns), (2, rows)] {
        func zeros(_ count: Int) -> Tensor? {
          var shape = result.shape
          shape[axis] = count * scale
          return count > 0 ? Tensor.zeros(shape) : nil
        }
        result = Tensor.concatenate(
          [zeros(sizes.before), result, zeros(sizes.after)].compactMap(\.self), axis: axis)
      }
      return result
    }
  }
}
