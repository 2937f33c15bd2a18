import TensorRuntime

/// The UNet of an ElasticDiffusion run with its inputs: prompts, background and controls.
struct ElasticModel {
  private let predictor: any NoisePredictor
  private let native: Int
  private let viewBatch: Int
  private var background: ElasticBackground?
  /// [negative…, positive…].
  private let guidedConditions: UNetConditions
  /// The conditions of the negative prompt, by the number of views that are computed together.
  private var plainConditions: [Int: UNetConditions] = [:]
  private let makePlain: (Int) throws -> UNetConditions

  private let views: [(window: LatentView, seen: LatentView)]
  private let reducedControls: [any DenoiseControl]
  /// Per view; empty without controls.
  private let viewControls: [[any DenoiseControl]]

  init(
    _ denoiser: ElasticDenoiser, _ inputs: ElasticInputs, background: ElasticBackground?
  ) throws {
    let (options, predictor) = (denoiser.options, denoiser.predictor)
    let shape = inputs.start.shape
    self.predictor = predictor
    self.background = background
    native = options.nativeSide
    // Each control is made for one view.
    viewBatch = inputs.controls.isEmpty ? options.viewBatch : 1
    var guided = try UNetConditions(
      joining: [inputs.negative, inputs.positive], batch: shape[0])
    guided.imagePrompts = inputs.imagePrompts
    let timesteps = denoiser.timesteps(from: inputs.start)
    guided.run.timesteps = timesteps
    try predictor.check(guided)
    guidedConditions = predictor.prepared(guided)
    makePlain = { views in
      var plain = try UNetConditions(
        joining: Array(repeating: inputs.negative, count: views), batch: shape[0])
      plain.imagePrompts = inputs.imagePrompts.map { $0.samples(0..<shape[0], of: 2 * shape[0]) }
      plain.run.timesteps = timesteps
      return predictor.prepared(plain)
    }
    views = Self.views(shape, options)
    (reducedControls, viewControls) = try Self.controls(inputs, options, views.map(\.seen))
  }

  /// The windows, and the larger parts that the model sees around them.
  private static func views(
    _ shape: [Int], _ options: ElasticOptions
  ) -> [(window: LatentView, seen: LatentView)] {
    let (height, width) = (shape[2], shape[3])
    // An axis that a window and its context cover is not divided.
    func side(_ length: Int) -> Int {
      options.windowSide + options.contextSide >= length ? length : options.windowSide
    }
    let grid = ViewGrid(
      height: height, width: width, window: (side(height), side(width)),
      stride: options.windowSide)
    return grid.views.map { view in
      (view, view.widened(by: options.contextSide / 2, height: height, width: width))
    }
  }

  private static func controls(
    _ inputs: ElasticInputs, _ options: ElasticOptions, _ views: [LatentView]
  ) throws -> (reduced: [any DenoiseControl], views: [[any DenoiseControl]]) {
    guard !inputs.controls.isEmpty else { return ([], []) }
    let shape = inputs.start.shape
    let scale = options.geometry.scale
    func padded(_ picture: Tensor) -> Tensor {
      let margins = ElasticBackground.Margins(
        height: picture.shape[2] / scale, width: picture.shape[3] / scale,
        wanted: options.nativeSide)
      return margins.padded(withZeros: picture.contiguous(), scale: scale)
    }
    let reduced = try inputs.controls.map { try $0.make(padded($0.picture)) }
    let enlarged = inputs.controls.map {
      upsampleNearest($0.picture, height: scale * shape[2], width: scale * shape[3])
    }
    let perView = try views.map { view in
      try zip(inputs.controls, enlarged).map { control, picture in
        try control.make(padded(view.crop(picture, scale: scale)))
      }
    }
    return (reduced, perView)
  }

  /// Predicts for reduced latents, with and without the prompt.
  mutating func guided(
    _ latents: Tensor, _ step: DenoiseStep, _ random: inout ElasticRandom
  ) throws -> (negative: Tensor, positive: Tensor) {
    let scores = try predict(latents, guidedConditions, reducedControls, step, &random)
    let batch = latents.shape[0]
    return (
      scores.slice(axis: 0, 0..<batch).contiguous(),
      scores.slice(axis: 0, batch..<2 * batch).contiguous()
    )
  }

  /// Predicts without a prompt at full size, window by window.
  mutating func unconditional(
    _ latents: Tensor, _ step: DenoiseStep, _ random: inout ElasticRandom
  ) throws -> Tensor {
    let shape = latents.shape
    var canvas = Array(repeating: Float(0), count: latents.count)
    for start in stride(from: 0, to: views.count, by: viewBatch) {
      let batch = Array(views[start..<min(start + viewBatch, views.count)])
      let seen = Tensor.concatenate(batch.map { $0.seen.crop(latents).contiguous() }, axis: 0)
      let conditions = try plainConditions[batch.count] ?? makePlain(batch.count)
      plainConditions[batch.count] = conditions
      let controls = viewControls.isEmpty ? [] : viewControls[start]
      let scores = try predict(seen, conditions, controls, step, &random)
      for (index, view) in batch.enumerated() {
        let own = scores.slice(axis: 0, index * shape[0]..<(index + 1) * shape[0])
        Self.write(own, view, into: &canvas, shape)
      }
    }
    return Tensor(canvas, shape: shape)
  }

  /// Writes a view's window where nothing has been written yet, so that of overlapping windows the
  /// first counts.
  private static func write(
    _ scores: Tensor, _ view: (window: LatentView, seen: LatentView), into canvas: inout [Float],
    _ shape: [Int]
  ) {
    let inner = LatentView(
      rows: view.window.rows.shifted(by: -view.seen.rows.lowerBound),
      columns: view.window.columns.shifted(by: -view.seen.columns.lowerBound))
    let values = inner.crop(scores).floats()
    var index = 0
    for plane in 0..<shape[0] * shape[1] {
      for row in view.window.rows {
        let line = (plane * shape[2] + row) * shape[3]
        for column in view.window.columns {
          if canvas[line + column] == 0 { canvas[line + column] = values[index] }
          index += 1
        }
      }
    }
  }

  /// Runs the model once, on latents that are enlarged to the model's own size.
  private mutating func predict(
    _ latents: Tensor, _ prepared: UNetConditions, _ controls: [any DenoiseControl],
    _ step: DenoiseStep, _ random: inout ElasticRandom
  ) throws -> Tensor {
    let margins = ElasticBackground.Margins(
      height: latents.shape[2], width: latents.shape[3], wanted: native)
    var sample = latents
    if !margins.isEmpty {
      guard var filler = background else {
        preconditionFailure("runs that need a background have an autoencoder")
      }
      sample = filler.padded(
        latents, by: margins, timestep: step.timestep, random: &random)
      background = filler
    }
    var conditions = prepared
    conditions.run.step = step
    for control in controls { try control.apply(to: &conditions, sample: sample, step: step) }
    let scores = try predictor(sample, timestep: step.timestep, conditions: conditions)
    return margins.isEmpty ? scores : margins.cropped(scores)
  }
}

extension Range<Int> {
  fileprivate func shifted(by distance: Int) -> Range<Int> {
    lowerBound + distance..<upperBound + distance
  }
}
