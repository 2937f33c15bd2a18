import DiffusionModels
import Foundation
import ResgraphWeights
import TensorRuntime
import TestSupport
import Testing

@testable import ResgraphTraining

/// Whole trainings of a tiny model on made-up latents.
@Suite struct TrainerTests {
  private let folder: TemporaryFolder
  private let base: GoldenFolder

  init() throws {
    folder = try TemporaryFolder()
    base = try GoldenFolder("unet_sd1")
  }

  /// Two sizes of pictures without files.
  private struct Examples: TrainingExamples {
    let sizes = [(64, 64), (64, 64), (64, 64), (96, 64), (96, 64)].map {
      TrainingSize(width: $0.0, height: $0.1)
    }

    func example(_ index: Int, isFlipped: Bool, hasCaption: Bool) throws -> TrainingExample {
      var generator = TorchGenerator(seed: UInt64(2 * index + (isFlipped ? 1 : 0)))
      let shape = [1, 4, sizes[index].height / 8, sizes[index].width / 8]
      return TrainingExample(
        mean: generator.randn(shape), deviation: generator.randn(shape) * 0.1,
        condition: PromptEncoding(
          embeddings: hasCaption ? generator.randn([1, 5, 24]) : Tensor.zeros([1, 5, 24])))
    }
  }

  private var options: TrainingOptions {
    var options = TrainingOptions()
    options.minGroupnormUnfreezeResolution = 64
    options.trainBatchSize = 2
    options.optimizer.learningRate = 1e-3
    options.maxTrainSteps = 7
    options.checkpointingSteps = 2
    options.randomFlip = true
    options.proportionEmptyPrompts = 0.2
    options.noiseOffset = 0.1
    options.snrGamma = 5
    options.seed = 3
    return options
  }

  private func trainer(_ name: String, _ options: TrainingOptions) throws -> Trainer {
    try Trainer(
      source: base.weights(), config: UNetConfig(json: base.config()),
      scheduler: SchedulerConfig(json: nil), examples: Examples(), options: options,
      output: folder.file(name))
  }

  private func bytes(_ name: String, _ file: String) throws -> Data {
    try Data(contentsOf: URL(filePath: folder.file("\(name)/\(file)")))
  }

  private struct Stopped: Error {}

  /// A training that is stopped between checkpoints and resumed ends with the same files.
  @Test func aResumedTrainingGivesTheSameFiles() throws {
    let whole = try trainer("whole", options)
    #expect(try !whole.resume())
    try whole.run { _ in }
    let before = Parallel.threadCount
    defer { Parallel.threadCount = before }
    for stop in [1, 3, 5] {
      let name = "stopped-\(stop)"
      #expect(throws: Stopped.self) {
        try trainer(name, options).run { if $0.step == stop { throw Stopped() } }
      }
      Parallel.threadCount = stop
      let again = try trainer(name, options)
      #expect(try again.resume() == (stop > 1))
      #expect(again.completedSteps == stop / 2 * 2)
      try again.run { _ in }
      for file in [
        "pytorch_lora_weights.safetensors", "diffusion_pytorch_model.safetensors",
        "groupnorm_state_dict.pt", "checkpoint-6/training_state.safetensors",
      ] { #expect(try bytes(name, file) == bytes("whole", file), "\(name), \(file)") }
    }
  }

  @Test func theLossOfFewPicturesFalls() throws {
    var options = options
    (options.maxTrainSteps, options.noiseOffset, options.snrGamma) = (60, 0, nil)
    options.trainBatchSize = 4
    options.optimizer.learningRate = 5e-3
    var losses: [Double] = []
    try trainer("falling", options).run { losses.append($0.loss) }
    let (first, last) = (losses.prefix(10).reduce(0, +), losses.suffix(10).reduce(0, +))
    #expect(last < 0.9 * first, "\(first / 10) to \(last / 10)")
  }

  /// The engine's own reader finds in the files what was trained.
  @Test func theFilesAreAnAdapter() throws {
    try trainer("files", options).run { _ in }
    let path = folder.file("files")
    let adapter = try ResAdapterFiles(path: path)
    let report = try adapter.validate(against: base.weights())
    #expect(report.unused.isEmpty)
    let norms = try SafetensorsFile(path: path + "/diffusion_pytorch_model.safetensors")
    let state = try TorchFile(path: path + "/groupnorm_state_dict.pt")
    #expect(norms.keys == state.keys && norms.keys.count == 88)
    for key in norms.keys { #expect(try norms.tensor(key).floats() == state.tensor(key).floats()) }
    let original = try base.weights().tensor(norms.keys[0]).floats()
    #expect(try norms.tensor(norms.keys[0]).floats() != original)
  }

  @Test func onlyLargePicturesTrainNorms() throws {
    var options = options
    options.minGroupnormUnfreezeResolution = 65
    try trainer("small", options).run { _ in }
    let path = folder.file("small")
    let norms = try SafetensorsFile(path: path + "/diffusion_pytorch_model.safetensors")
    for key in norms.keys {
      #expect(try norms.tensor(key).floats() == base.weights().tensor(key).floats(), "\(key)")
    }
  }

  @Test func oldCheckpointsGo() throws {
    var options = options
    options.checkpointsTotalLimit = 2
    try trainer("limited", options).run { _ in }
    let names = try FileManager.default.contentsOfDirectory(
      atPath: folder.file("limited"))
    #expect(
      names.filter { $0.hasPrefix("checkpoint") }.sorted() == ["checkpoint-4", "checkpoint-6"])
  }

  /// A damaged checkpoint, or one of other parameters, is an error that names it.
  @Test func checkpointsOfOtherTrainingsAreRefused() throws {
    try trainer("first", options).run { _ in }
    var other = options
    other.rank = 7
    #expect(throws: TrainingError.self) { try trainer("first", other).resume() }
    let file = URL(filePath: folder.file("first/checkpoint-6/training_state.safetensors"))
    try bytes("first", "checkpoint-6/training_state.safetensors").prefix(5000).write(to: file)
    #expect(throws: (any Error).self) { try trainer("first", options).resume() }
  }

  @Test func optionsOutsideTheirRangeAreNamed() {
    func refused(_ change: (inout TrainingOptions) -> Void) -> String {
      var options = options
      change(&options)
      do { try options.validate() } catch let error as TrainingError {
        if case .badOption(let name, _) = error { return name }
      } catch {}
      return "none"
    }
    #expect(refused { _ in } == "none")
    #expect(refused { $0.rank = 0 } == "rank")
    #expect(refused { $0.optimizer.learningRate = .nan } == "learning_rate")
    #expect(refused { $0.optimizer.beta2 = 1 } == "adam_beta2")
    #expect(refused { $0.nearestResolutionMultiple = 12 } == "nearest_resolution_multiple")
    #expect(refused { ($0.trainLora, $0.trainNorms) = (false, false) } == "train_lora")
    #expect(refused { $0.maxTrainSteps = 0 } == "max_train_steps")
    #expect(refused { $0.proportionEmptyPrompts = 2 } == "proportion_empty_prompts")
  }
}
