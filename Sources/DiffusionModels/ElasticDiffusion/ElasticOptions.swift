import ResgraphPictures

/// The ways in which the pull towards the reduced picture fades over the steps.
public enum PullSchedule: String, Sendable, CaseIterable {
  /// It fades along half a cosine wave, raised to a power.
  case cosine
  /// It fades evenly, to zero.
  case linear
  /// It does not fade.
  case constant
}

/// The numbers of an ElasticDiffusion run.
public struct ElasticOptions: Sendable, Equatable {
  /// Steps of the whole schedule.
  public var steps = 50
  /// The strength of the prompt (classifier-free guidance).
  public var guidance = 10.0
  /// How far the standard deviation of the guided prediction is moved to that of the prompt's
  /// prediction, 0...1.
  public var guidanceRescale = 0.0
  /// The share of the schedule that runs when a run starts from a picture, 0...1.
  public var strength = 1.0
  /// The share of fresh noise in every step, 0...1.
  public var eta = 0.0
  /// The seed of all random numbers of the run.
  public var seed: UInt64 = 0
  /// How timesteps are picked.
  public var spacing = SpacingKind.default
  /// How often per step the direction of the prompt is estimated again from other pixels.
  ///
  /// Above 0, every step is also done twice.
  public var resamplingSteps = 7
  /// The share of the pixels that each further estimate takes from other places.
  public var newShare = 0.3
  /// How strongly the result is pulled towards the picture that the model draws at its own size.
  public var reducedGuidance = 1000.0
  /// The share of the steps at the end, in which it is not pulled.
  public var reducedGuidanceStop = 0.2
  /// How the pull fades.
  public var pullSchedule = PullSchedule.cosine
  /// How fast the pull fades along a cosine.
  public var cosineScale = 10.0
  /// The side in latent pixels that the model draws well.
  public var nativeSide: Int
  /// The side in latent pixels of the windows in which details are drawn; half of the native side when nil.
  public var window: Int?
  /// Windows computed together.
  public var viewBatch = 1
  /// How latents relate to pictures.
  package var geometry = LatentGeometry.stableDiffusion

  /// Makes options with default values.
  ///
  /// - Parameter nativeSide: The side in latent pixels that the model draws well.
  public init(nativeSide: Int) { self.nativeSide = nativeSide }

  /// The window's side.
  var windowSide: Int { window ?? nativeSide / 2 }
  /// The context of a window, both sides together.
  var contextSide: Int { nativeSide - windowSide }

  func check() throws {
    func require(_ holds: Bool, _ name: String, _ reason: String) throws {
      if !holds { throw DenoiseError.badOption(name: name, reason: reason) }
    }
    try require(nativeSide >= 2, "native", "must be at least two latent pixels")
    try require(
      (1...nativeSide).contains(windowSide), "patch", "must lie in 1...\(nativeSide)")
    try require((0...1).contains(strength), "strength", "must lie in 0...1")
    try require(guidance.isFinite, "guidance", "must be a number")
    try require((0...1).contains(guidanceRescale), "guidance_rescale", "must lie in 0...1")
    try require((0...1000).contains(resamplingSteps), "resampling_steps", "must lie in 0...1000")
    try require((0...1).contains(newShare), "new_p", "must lie in 0...1")
    try require(
      reducedGuidance.isFinite && reducedGuidance >= 0, "rrg_scale", "must be 0 or more")
    try require((0...1).contains(reducedGuidanceStop), "rrg_stop", "must lie in 0...1")
    try require(cosineScale.isFinite && cosineScale >= 0, "cosine_scale", "must be 0 or more")
    try require(viewBatch >= 1, "view_batch", "must be at least 1")
  }

  /// The latent size at which a picture is drawn as a whole.
  ///
  /// Its longer side is the native side.
  ///
  /// Division and rounding are Python's floor division of floats, which the official code uses.
  ///
  /// - Parameters:
  ///   - height: Rows of the result's latent.
  ///   - width: Columns of the result's latent.
  /// - Returns: Rows and columns, never more than the result's.
  public func reducedSize(height: Int, width: Int) -> (height: Int, width: Int) {
    let scale = geometry.scale
    let factor = max(Double(max(height, width)) / Double(nativeSide), 1)
    func reduced(_ side: Int) -> Int {
      let pixels = floorDivision(Double(side * scale), factor)
      return min(max(Int(floorDivision(pixels, Double(scale))), 1), side)
    }
    return (reduced(height), reduced(width))
  }
}

extension ElasticOptions {
  /// The size of the picture that is drawn as a whole, which is that of the control pictures.
  ///
  /// - Parameter shape: The result's latent, [B, C, h, w].
  /// - Returns: Its size in pixels.
  package func reducedPictureSize(_ shape: [Int]) -> PixelSize {
    let size = reducedSize(height: shape[2], width: shape[3])
    return geometry.pictureSize([shape[0], shape[1], size.height, size.width])
  }

  /// The background that a run's autoencoder must encode: where a part is smaller than the model's
  /// own size, the rest is background.
  ///
  /// - Parameters:
  ///   - height: Rows of the result's latent.
  ///   - width: Columns of the result's latent.
  /// - Returns: A size in latent pixels that no strip of the background exceeds; nil when there is none.
  public func background(height: Int, width: Int) -> (height: Int, width: Int)? {
    let reduced = reducedSize(height: height, width: width)
    // Windows with their context are never smaller, except by an odd row or column.
    let missing = max(
      nativeSide - min(reduced.height, reduced.width), contextSide.isMultiple(of: 2) ? 0 : 1)
    return missing > 0 ? (nativeSide, (missing + 1) / 2) : nil
  }
}

/// Python's `//` of positive floats.
private func floorDivision(_ left: Double, _ right: Double) -> Double {
  let quotient = (left - left.truncatingRemainder(dividingBy: right)) / right
  let floor = quotient.rounded(.down)
  return quotient - floor > 0.5 ? floor + 1 : floor
}
