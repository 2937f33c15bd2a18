public import DiffusionModels
import Foundation
public import ResgraphWeights
import TensorRuntime

/// Trains a ResAdapter: the low-rank change of a denoiser's samplers, and the norms of its residual blocks.
///
/// A training that was stopped goes on from its last checkpoint to the same files, bit for bit.
public final class Trainer {
  private let options: TrainingOptions
  private let examples: any TrainingExamples
  private let schedule: TrainingNoise
  private let parameters: ResAdapterParameters
  private let model: UNet2DConditionModel
  private let checkpoints: CheckpointFolders
  private let batches: SizeBatches
  private var state: TrainingState

  /// Prepares a training.
  ///
  /// - Parameters:
  ///   - source: The denoiser's weights, by diffusers' names.
  ///   - config: The denoiser's configuration.
  ///   - scheduler: The checkpoint's scheduler configuration.
  ///   - examples: The pictures.
  ///   - options: How to train.
  ///   - output: The folder for the adapter and its checkpoints; it is made where it is missing.
  /// - Throws: `TrainingError`, `WeightError`, `ModelError` or `SamplerError` for what does not fit.
  public init(
    source: any WeightSource, config: UNetConfig, scheduler: SchedulerConfig,
    examples: any TrainingExamples, options: TrainingOptions, output: String
  ) throws {
    try options.validate()
    guard !examples.sizes.isEmpty else {
      throw TrainingError.badData(path: output, reason: "there are no pictures to train on")
    }
    self.options = options
    self.examples = examples
    schedule = try TrainingNoise(scheduler)
    var generator = TorchGenerator(seed: options.seed)
    parameters = try ResAdapterParameters(source, options, generator: &generator)
    model = try UNet2DConditionModel(
      WeightScope(source, trainable: parameters.layers), config: config)
    checkpoints = try CheckpointFolders(output, limit: options.checkpointsTotalLimit)
    batches = SizeBatches(examples.sizes, batchSize: options.trainBatchSize)
    state = TrainingState(generator: generator, optimizer: AdamW(options.optimizer))
  }

  /// Steps of the optimiser in the whole training.
  public var stepCount: Int {
    options.maxTrainSteps ?? options.numTrainEpochs * stepsPerEpoch
  }

  private var stepsPerEpoch: Int {
    let accumulated = options.gradientAccumulationSteps
    return (batches.count + accumulated - 1) / accumulated
  }

  /// Steps of the optimiser that are done.
  public var completedSteps: Int { state.step }

  private var trained: [Parameter] { parameters.adapters + parameters.norms }

  /// Takes up the last checkpoint in the output folder.
  ///
  /// - Returns: Whether there was one.
  /// - Throws: `TrainingError.badCheckpoint` when it is damaged or of another training.
  public func resume() throws -> Bool {
    guard let path = checkpoints.latest else { return false }
    let file = "\(path)/\(TrainingState.weightsFile)"
    state = try TrainingState(SafetensorsFile(path: file), trained, options.optimizer)
    return true
  }

  /// Trains to the end, and writes the adapter.
  ///
  /// - Parameter report: Is told after each step of the optimiser; throwing ends the training, which can be
  ///   resumed from its last checkpoint.
  /// - Throws: `TrainingError`, what the examples throw, and what `report` throws.
  public func run(_ report: (TrainingProgress) throws -> Void) throws {
    while state.step < stepCount {
      let epoch = batches.epoch(state.epoch, seed: options.seed)
      while state.batch < epoch.count, state.step < stepCount {
        let end = min(epoch.count, state.batch + options.gradientAccumulationSteps)
        let progress = try step(Array(epoch[state.batch..<end]))
        state.batch = end
        if state.step % options.checkpointingSteps == 0 { try save() }
        try report(progress)
      }
      guard state.batch >= epoch.count else { break }
      state.epoch += 1
      state.batch = 0
    }
    try parameters.write(to: checkpoints.output)
  }

  /// One step of the optimiser.
  ///
  /// - Parameter batches: The places of the pictures of each batch.
  /// - Returns: What it came to.
  /// - Throws: `TrainingError.notFinite`, and what the examples throw.
  package func step(_ batches: [[Int]]) throws -> TrainingProgress {
    var sums: [String: [Float]] = [:]
    var loss = 0.0
    for batch in batches {
      let examples = try batch.map(example)
      let drawn = TrainingStep(
        examples, options, timestepCount: schedule.count, generator: &state.generator)
      let result = drawn.run(model, schedule, options)
      guard result.loss.isFinite else { throw TrainingError.notFinite(step: state.step + 1) }
      loss += Double(result.loss) / Double(batches.count)
      for parameter in trainable(in: batch) {
        guard let gradient = result.gradients[parameter] else { continue }
        add(gradient * (1 / Float(batches.count)), to: &sums[parameter.name])
      }
    }
    let norm = clip(&sums)
    let rate =
      options.optimizer.learningRate
      * options.lrScheduler.factor(
        step: state.step, warmup: options.lrWarmupSteps, total: stepCount)
    for parameter in trained {
      guard let gradient = sums[parameter.name] else { continue }
      state.optimizer.update(parameter, gradient, rate: rate)
    }
    state.step += 1
    return TrainingProgress(
      step: state.step, stepCount: stepCount, epoch: state.epoch, loss: loss, learningRate: rate,
      gradientNorm: norm)
  }

  /// What a batch trains: norms learn at large sizes alone.
  private func trainable(in batch: [Int]) -> [Parameter] {
    let size = examples.sizes[batch[0]]
    let isLarge = min(size.width, size.height) >= options.minGroupnormUnfreezeResolution
    return parameters.adapters + (isLarge ? parameters.norms : [])
  }

  private func example(_ index: Int) throws -> TrainingExample {
    let isFlipped = options.randomFlip && state.generator.rand(1)[0] < 0.5
    let empty = Float(options.proportionEmptyPrompts)
    let hasCaption = empty == 0 || state.generator.rand(1)[0] >= empty
    return try examples.example(index, isFlipped: isFlipped, hasCaption: hasCaption)
  }

  private func add(_ gradient: Tensor, to sum: inout [Float]?) {
    let values = gradient.floats()
    guard let known = sum else {
      sum = values
      return
    }
    sum = zip(known, values).map(+)
  }

  /// Scales all gradients down together to the largest allowed norm.
  ///
  /// - Returns: The norm before.
  private func clip(_ gradients: inout [String: [Float]]) -> Double {
    var squares = 0.0
    for (_, gradient) in gradients.sorted(by: { $0.key < $1.key }) {
      for value in gradient { squares += Double(value) * Double(value) }
    }
    let norm = squares.squareRoot()
    let factor = Float(options.maxGradNorm / (norm + 1e-6))
    if factor < 1 { gradients = gradients.mapValues { $0.map { $0 * factor } } }
    return norm
  }

  private func save() throws {
    let stored = state.stored(trained)
    try checkpoints.save(step: state.step) { folder in
      try parameters.write(to: folder)
      try SafetensorsWriter.write(
        stored.tensors, metadata: stored.texts, to: "\(folder)/\(TrainingState.weightsFile)")
    }
  }
}

/// What a step of the optimiser came to.
public struct TrainingProgress: Sendable, Codable, Equatable {
  /// Steps so far, this one counted.
  public let step: Int
  /// Steps of the whole training.
  public let stepCount: Int
  /// The epoch that the step belongs to, from 0.
  public let epoch: Int
  /// The mean loss of its batches.
  public let loss: Double
  /// The learning rate.
  public let learningRate: Double
  /// The norm of all gradients before they were limited.
  public let gradientNorm: Double
}
