import DiffusionModels
import Foundation
import GraphRuntime
import ResgraphTraining
import ResgraphWeights
import TensorRuntime

/// The training of a ResAdapter for a checkpoint, on a folder of pictures.
struct AdapterTraining {
  let unet: UNetRecipe
  let textEncoder: TextEncoderRecipe
  let vae: VAERecipe
  let folder: PictureFolder
  let options: TrainingOptions
  /// Where the adapter and its checkpoints go.
  let output: String
  /// Whether to go on from the last checkpoint there.
  let resumes: Bool

  /// Bytes of encoded pictures and captions that are kept.
  private static let encodedBytes = 2 << 30

  /// Encodes, trains and writes.
  ///
  /// - Parameters:
  ///   - store: Where models come from.
  ///   - note: Is told what happens besides steps.
  ///   - encoded: Is told how many pictures are encoded.
  ///   - report: Is told of each step; throwing ends the training.
  /// - Throws: What training throws.
  func run(
    _ store: ModelStore, note: (String) -> Void, encoded: (Int) throws -> Void,
    report: (TrainingProgress) throws -> Void
  ) throws {
    for skipped in folder.skipped { note("\(skipped.path) is left out: \(skipped.reason)") }
    let examples = EncodedPictures(
      folder, options, encoder: try encoder(store), memory: Self.encodedBytes)
    note("encoding \(examples.sizes.count) pictures")
    if try examples.encodeAll(withFlips: options.randomFlip, encoded) {
      // What encodes has done its work before the denoiser takes its memory.
      for identity in [textEncoder.identity, vae.identity] { store.remove(identity: identity) }
    }
    let trainer = try Trainer(
      source: unet.source(), config: unet.config(), scheduler: unet.base.schedulerConfig(),
      examples: examples, options: options, output: output)
    if resumes, try trainer.resume() {
      note("going on after step \(trainer.completedSteps) of \(trainer.stepCount)")
    }
    try trainer.run(report)
  }

  private func encoder(_ store: ModelStore) throws -> PictureEncoder {
    PictureEncoder(tellsSizes: try unet.config().textTime != nil) { [vae] picture in
      let model = try store.vae(vae)
      let (mean, logvar) = model.encode(picture)
      let scaled = model.scaled(mean)
      guard let logvar else { return (scaled, nil) }
      let deviation = Tensor(logvar.floats().map { exp(0.5 * $0) }, shape: logvar.shape)
      return (scaled, model.scaled(mean + deviation) - scaled)
    } caption: { [textEncoder] text in
      try store.promptEncoder(textEncoder).encode(text, second: text)
    }
  }
}
