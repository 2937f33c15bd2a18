/// How a ResAdapter or a LoRA is trained; names, meanings and defaults are those of diffusers' training scripts.
public struct TrainingOptions: Sendable, Equatable {
  /// Rank of the low-rank changes.
  public var rank = 4
  /// Whether the changes of the samplers' convolutions are trained.
  public var trainLora = true
  /// Whether gain and offset of the residual blocks' norms are trained.
  public var trainNorms = true
  /// Batches with a side below this many pixels leave the norms as they are.
  public var minGroupnormUnfreezeResolution = 512
  /// Sides of pictures are rounded to multiples of this many pixels.
  public var nearestResolutionMultiple = 64
  /// Pictures with a longer side are left out; nil for none.
  public var maxResolution: Int?
  /// Whether each picture is mirrored half of the time.
  public var randomFlip = false
  /// Pictures per step.
  public var trainBatchSize = 16
  /// How often every picture is seen, unless `maxTrainSteps` says otherwise.
  public var numTrainEpochs = 100
  /// Steps of the optimiser; nil for whole epochs.
  public var maxTrainSteps: Int?
  /// Batches whose gradients are averaged for one step of the optimiser.
  public var gradientAccumulationSteps = 1
  /// Whether blocks of the denoiser are run again for their gradients, which takes less memory.
  public var gradientCheckpointing = false
  /// The optimiser's numbers.
  public var optimizer = AdamWOptions()
  /// Gradients are scaled down to this norm.
  public var maxGradNorm = 1.0
  /// How the learning rate changes.
  public var lrScheduler = LearningRateSchedule.constant
  /// Steps over which the learning rate grows from zero, for schedules with warm-up.
  public var lrWarmupSteps = 500
  /// Steps between checkpoints.
  public var checkpointingSteps = 500
  /// Checkpoints kept; nil for all.
  public var checkpointsTotalLimit: Int?
  /// Where all randomness comes from.
  public var seed: UInt64 = 0
  /// Weight of the loss by its signal-to-noise ratio (Hang and others, 2023); nil for none.
  public var snrGamma: Double?
  /// Noise that is the same for all pixels of a channel.
  public var noiseOffset = 0.0
  /// Noise added to the noise that the denoiser sees.
  public var inputPerturbation = 0.0
  /// The share of captions that are left out.
  public var proportionEmptyPrompts = 0.0

  /// The defaults; set what differs.
  public init() {}

  /// Refuses numbers that no training can have.
  ///
  /// - Throws: `TrainingError.badOption`.
  public func validate() throws {
    func check(_ isGood: Bool, _ option: String, _ reason: String) throws {
      if !isGood { throw TrainingError.badOption(option, reason) }
    }
    try check((1...1024).contains(rank), "rank", "a number from 1 to 1024 expected")
    try check(trainLora || trainNorms, "train_lora", "nothing is left to train")
    let multiple = nearestResolutionMultiple
    try check(
      multiple >= 8 && multiple % 8 == 0, "nearest_resolution_multiple", "a multiple of 8 expected")
    try check(maxResolution ?? multiple >= multiple, "max_resolution", "below one multiple")
    for (option, value) in [
      ("train_batch_size", trainBatchSize), ("num_train_epochs", numTrainEpochs),
      ("max_train_steps", maxTrainSteps ?? 1),
      ("gradient_accumulation_steps", gradientAccumulationSteps),
      ("checkpointing_steps", checkpointingSteps),
      ("checkpoints_total_limit", checkpointsTotalLimit ?? 1),
    ] { try check(value >= 1, option, "at least 1 expected") }
    try check(lrWarmupSteps >= 0, "lr_warmup_steps", "at least 0 expected")
    try check(maxGradNorm > 0, "max_grad_norm", "a positive number expected")
    try check(snrGamma ?? 1 > 0, "snr_gamma", "a positive number expected")
    for (option, value) in [
      ("noise_offset", noiseOffset), ("input_perturbation", inputPerturbation),
      ("proportion_empty_prompts", proportionEmptyPrompts),
    ] { try check((0...1).contains(value), option, "a number from 0 to 1 expected") }
    try optimizer.validate()
  }
}

/// Why a training cannot begin or go on.
public enum TrainingError: Error, Sendable, Equatable, CustomStringConvertible {
  /// An option outside its range.
  case badOption(_ option: String, _ reason: String)
  /// The data cannot be trained on.
  case badData(path: String, reason: String)
  /// The loss stopped being a number.
  case notFinite(step: Int)
  /// A checkpoint is damaged, or belongs to another training.
  case badCheckpoint(path: String, reason: String)
  /// A file could not be written.
  case unwritable(path: String, reason: String)

  /// One sentence for people.
  public var description: String {
    switch self {
    case .badOption(let option, let reason): "\(option): \(reason)"
    case .badData(let path, let reason): "\(path): \(reason)"
    case .notFinite(let step):
      "the loss of step \(step) is not a number; a lower learning_rate may help"
    case .badCheckpoint(let path, let reason): "\(path): \(reason)"
    case .unwritable(let path, let reason): "\(path): \(reason)"
    }
  }
}
