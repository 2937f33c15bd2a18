import Synchronization
import TensorRuntime

/// MultiDiffusion (Bar-Tal and others, 2023): a UNet that sees a large latent through overlapping
/// windows of the size that it draws well, and whose prediction at each place is the average of the
/// windows' predictions.
///
/// The paper averages the samplers' steps; for a step that is linear in the prediction, and without noise of its
/// own, the average of the steps is the step of the average. Samplers that add noise draw it once for the whole
/// latent here, where diffusers draws it per window and averages it away.
public final class WindowedPredictor: NoisePredictor {
  private let base: any NoisePredictor
  private let views: [LatentView]
  private let size: (height: Int, width: Int)
  private let pictures: [PictureControl]
  /// The controls of each window, which are made when the window is first used.
  private let controls: Mutex<[[any DenoiseControl]?]>

  /// Lays windows over latents.
  ///
  /// - Parameters:
  ///   - base: The UNet.
  ///   - height: Rows of the latents.
  ///   - width: Columns of the latents.
  ///   - window: Side of a window in latent pixels; a latent's shorter side limits it.
  ///   - stride: Latent pixels between windows; the last of a row ends at the border.
  ///   - controls: Controls, with pictures of the result's size.
  public init(
    _ base: any NoisePredictor, height: Int, width: Int, window: Int, stride: Int,
    controls: [PictureControl] = []
  ) {
    precondition(window >= 1 && stride >= 1, "no window of \(window) every \(stride)")
    self.base = base
    views =
      ViewGrid(height: height, width: width, window: (window, window), stride: stride).views
    size = (height, width)
    pictures = controls
    self.controls = Mutex(Array(repeating: nil, count: views.count))
  }

  /// How many windows there are.
  public var windowCount: Int { views.count }
  /// Channels of the model's input.
  public var inputChannels: Int { base.inputChannels }
  /// The width of the guidance embedding.
  public var guidanceEmbeddingWidth: Int? { base.guidanceEmbeddingWidth }

  /// Checks as the UNet does, and also that no input refers to places in the whole picture.
  ///
  /// - Parameter conditions: Texts and image prompts.
  /// - Throws: `ModelError`, or `DenoiseError` for image prompts with masks.
  public func check(_ conditions: UNetConditions) throws {
    try base.check(conditions)
    guard conditions.imagePrompts.allSatisfy(\.masks.isEmpty) else {
      throw DenoiseError.badOption(
        name: "unet",
        reason: "image prompts with masks cannot be used where a picture is denoised in parts")
    }
  }

  /// Computes in advance as the UNet does.
  ///
  /// - Parameter conditions: As the UNet reads them.
  /// - Returns: The conditions with the results.
  public func prepared(_ conditions: UNetConditions) -> UNetConditions {
    base.prepared(conditions)
  }

  /// Predicts window by window.
  ///
  /// - Parameters:
  ///   - sample: [B, C, h, w] of the size that the windows were laid for.
  ///   - timestep: The time step.
  ///   - conditions: Of a batch that is a multiple of B.
  /// - Returns: The average of all windows at each place, for every sample of the conditions' batch.
  /// - Throws: What a control throws.
  public func callAsFunction(
    _ sample: Tensor, timestep: Float, conditions: UNetConditions
  ) throws -> Tensor {
    precondition(
      sample.shape[2] == size.height && sample.shape[3] == size.width, "latents \(sample.shape)")
    var sum = WindowSum(height: size.height, width: size.width)
    for (index, view) in views.enumerated() {
      let part = view.crop(sample).contiguous()
      var own = conditions
      if let step = conditions.run.step {
        for control in try controls(of: index) {
          try control.apply(to: &own, sample: part, step: step)
        }
      }
      sum.add(try base(part, timestep: timestep, conditions: own), view)
    }
    return sum.average
  }

  private func controls(of index: Int) throws -> [any DenoiseControl] {
    if let made = controls.withLock({ $0[index] }) { return made }
    let made = try pictures.map { control in
      let scale = control.picture.shape[2] / size.height
      return try control.make(views[index].crop(control.picture, scale: scale).contiguous())
    }
    controls.withLock { $0[index] = made }
    return made
  }
}

/// Sums windows, and counts how many there were at each place.
private struct WindowSum {
  private let size: (height: Int, width: Int)
  private var planes: (batch: Int, channels: Int) = (0, 0)
  private var values: [Float] = []
  private var counts: [Float]

  init(height: Int, width: Int) {
    size = (height, width)
    counts = Array(repeating: 0, count: height * width)
  }

  mutating func add(_ window: Tensor, _ view: LatentView) {
    if values.isEmpty {
      planes = (window.shape[0], window.shape[1])
      values = Array(repeating: 0, count: planes.batch * planes.channels * counts.count)
    }
    let numbers = window.floats()
    var index = 0
    for plane in 0..<planes.batch * planes.channels {
      for row in view.rows {
        let line = (plane * size.height + row) * size.width
        for column in view.columns {
          values[line + column] += numbers[index]
          index += 1
        }
      }
    }
    for row in view.rows {
      for column in view.columns { counts[row * size.width + column] += 1 }
    }
  }

  var average: Tensor {
    let averages = values.indices.map { values[$0] / counts[$0 % counts.count] }
    return Tensor(averages, shape: [planes.batch, planes.channels, size.height, size.width])
  }
}
