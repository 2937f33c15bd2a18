import GraphRuntime
import ResgraphTraining

/// Trains a ResAdapter.
struct ResAdapterTrain: NodeType {
  static let summary = """
    Trains a ResAdapter for a checkpoint on a folder of captioned pictures of mixed sizes. Its files \
    load in ResAdapterLoad and in diffusers; a training that was stopped goes on from its last checkpoint.
    """
  static let isPure = false

  @Input("Denoiser") var unet: UNetRecipe
  @Input("Text encoder", family: .same(as: "unet")) var textEncoder: TextEncoderRecipe
  @Input("Autoencoder") var vae: VAERecipe
  @Param("Folder of pictures: with metadata.jsonl, metadata.csv, or a .txt beside each")
  var data: InputPath
  @Param("Folder for the adapter and its checkpoints") var outputDir: OutputPath
  @Param("Column of the pictures' files, where it is not file_name") var imageColumn = "image"
  @Param("Column of the captions") var captionColumn = "text"
  @Param("Whether the samplers' convolutions are trained") var trainLora = true
  @Param("Whether the residual blocks' norms are trained") var trainNorms = true
  @Param("Rank of the convolutions' changes", min: 1, max: 1_024) var rank = 4
  @Param("Norms learn from pictures of at least so many pixels on both sides", min: 0)
  var minGroupnormUnfreezeResolution = 512
  @Param("Sides of pictures are rounded to multiples of this; a multiple of 8", min: 8)
  var nearestResolutionMultiple = 64
  @Param("Pictures with a longer side, after rounding, are left out", min: 8)
  var maxResolution: Int?
  @Param("Whether each picture is mirrored half of the time") var randomFlip = false
  @Param("Pictures per batch, all of one size", min: 1) var trainBatchSize = 16
  @Param("How often every picture is seen", min: 1) var numTrainEpochs = 100
  @Param("Steps of the optimiser, in place of whole epochs", min: 1) var maxTrainSteps: Int?
  @Param("Batches per step of the optimiser", min: 1) var gradientAccumulationSteps = 1
  @Param("Whether blocks are run again for their gradients, which takes less memory")
  var gradientCheckpointing = false
  @Param("Learning rate", min: 0) var learningRate = 1e-4
  @Param("How the learning rate changes") var lrScheduler = LearningRateSchedule.constant
  @Param("Steps over which the learning rate grows, for schedules with warm-up", min: 0)
  var lrWarmupSteps = 500
  @Param("AdamW's decay of the mean gradient", min: 0, max: 1) var adamBeta1 = 0.9
  @Param("AdamW's decay of the mean squared gradient", min: 0, max: 1) var adamBeta2 = 0.999
  @Param("AdamW's weight decay", min: 0) var adamWeightDecay = 1e-2
  @Param("AdamW's epsilon", min: 0) var adamEpsilon = 1e-8
  @Param("Gradients are scaled down to this norm", min: 0) var maxGradNorm = 1.0
  @Param("Steps between checkpoints", min: 1) var checkpointingSteps = 500
  @Param("Checkpoints that are kept; all when left out", min: 1) var checkpointsTotalLimit: Int?
  @Param("Weight of the loss by its signal-to-noise ratio, such as 5") var snrGamma: Double?
  @Param("Noise that is the same for all pixels of a channel", min: 0, max: 1) var noiseOffset = 0.0
  @Param("Noise added to the noise that the denoiser sees", min: 0, max: 1)
  var inputPerturbation = 0.0
  @Param("Share of captions that are left out", min: 0, max: 1) var proportionEmptyPrompts = 0.0
  @Param("Seed of all randomness") var seed: Seed = 0
  @Output("Folder of the adapter") var adapter: InputPath

  init() {}

  mutating func validate(_ context: ValidationContext) throws {
    guard let path = $data.known else { return }
    do {
      _ = try PictureFolder(
        path: path.resolved, imageColumn: $imageColumn.known ?? "image",
        captionColumn: $captionColumn.known ?? "text", decodes: false)
    } catch let error as TrainingError {
      context.report(NodeError("\(error)", port: "data"))
    }
  }

  mutating func run(_ context: NodeContext) throws {
    let folder = try PictureFolder(
      path: data.resolved, imageColumn: imageColumn, captionColumn: captionColumn)
    let training = AdapterTraining(
      unet: unet, textEncoder: textEncoder, vae: vae, folder: folder, options: options,
      output: outputDir.resolved, resumes: true)
    try training.run(try context.service(ModelStore.self), note: context.warn) { _ in
      try context.checkCancellation()
    } report: { progress in
      context.progress(step: progress.step, of: progress.stepCount)
      try context.checkCancellation()
    }
    adapter = InputPath(outputDir.written, resolved: outputDir.resolved)
  }

  private var options: TrainingOptions {
    var options = TrainingOptions()
    (options.rank, options.trainLora, options.trainNorms) = (rank, trainLora, trainNorms)
    options.minGroupnormUnfreezeResolution = minGroupnormUnfreezeResolution
    options.nearestResolutionMultiple = nearestResolutionMultiple
    (options.maxResolution, options.randomFlip) = (maxResolution, randomFlip)
    (options.trainBatchSize, options.numTrainEpochs) = (trainBatchSize, numTrainEpochs)
    options.maxTrainSteps = maxTrainSteps
    options.gradientAccumulationSteps = gradientAccumulationSteps
    options.gradientCheckpointing = gradientCheckpointing
    options.optimizer.learningRate = learningRate
    (options.lrScheduler, options.lrWarmupSteps) = (lrScheduler, lrWarmupSteps)
    (options.optimizer.beta1, options.optimizer.beta2) = (adamBeta1, adamBeta2)
    (options.optimizer.weightDecay, options.optimizer.epsilon) = (adamWeightDecay, adamEpsilon)
    options.maxGradNorm = maxGradNorm
    options.checkpointingSteps = checkpointingSteps
    options.checkpointsTotalLimit = checkpointsTotalLimit
    (options.snrGamma, options.noiseOffset) = (snrGamma, noiseOffset)
    options.inputPerturbation = inputPerturbation
    options.proportionEmptyPrompts = proportionEmptyPrompts
    options.seed = seed.value
    return options
  }
}

extension LearningRateSchedule: ChoiceParam {}
