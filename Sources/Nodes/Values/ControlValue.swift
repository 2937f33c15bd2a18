import DiffusionModels
import GraphRuntime

/// Something that steers a denoiser at every step, as a description: a ControlNet with its picture.
struct ControlValue: PortValue {
  static let typeName = "Control"

  let recipe: any ControlRecipe

  var family: String? { recipe.family }
  var sourcePath: String? { recipe.path }
  var byteCount: Int { recipe.byteCount }
}

/// How a control comes into being when a denoiser needs it.
protocol ControlRecipe: Sendable {
  /// The family of the denoisers that it steers.
  var family: String? { get }
  /// The folder or file of the control's model.
  var path: String { get }
  /// What the store calls the control's model.
  var identity: String { get }
  /// The memory that the recipe holds.
  var byteCount: Int { get }
  /// Checks by headers alone that the control fits a run.
  func check(_ run: ControlledRun) throws
  /// Loads the models and prepares the picture.
  func makeControl(_ run: ControlledRun, store: ModelStore) throws -> any DenoiseControl
}

/// What a control must know of the run that it steers.
struct ControlledRun: Sendable {
  /// The denoiser.
  let unet: UNetRecipe
  /// [B, C, h, w].
  let latentShape: [Int]
  /// Whether the model is asked with and without the prompt.
  let isGuided: Bool
}
