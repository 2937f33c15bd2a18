import DiffusionModels
import GraphRuntime
import ResgraphPictures
import TensorRuntime

/// The description of a control, such as a ControlNet with its picture, which steers a denoiser at
/// every step.
struct ControlValue: PortValue {
  static let typeName = "Control"

  let recipe: any ControlRecipe

  var family: String? { recipe.family }
  var sourcePath: String? { recipe.path }
  var byteCount: Int { recipe.image.byteCount }
}

/// Makes a control when a denoiser needs it.
protocol ControlRecipe: Sendable {
  /// The family of the denoisers that it steers.
  var family: String? { get }
  /// The folder or file of the control's model.
  var path: String { get }
  /// What the store calls the control's model.
  var identity: String { get }
  /// The control picture.
  var image: ImageValue { get }
  /// Whether only the prompt's half of a guided batch is controlled.
  var seesPromptOnly: Bool { get }
  /// Checks by headers alone that the control fits a run, and that its picture has one of some
  /// sizes.
  func check(_ run: ControlledRun, pictures: [PixelSize]) throws
  /// Loads the model, and says how the control for the picture, or for a part of it, is made.
  func maker(
    _ run: ControlledRun, store: ModelStore
  ) throws -> @Sendable (Tensor) throws -> any DenoiseControl
}

extension ControlRecipe {
  /// Checks by headers alone that the control fits a run that looks at the whole picture.
  func check(_ run: ControlledRun) throws { try check(run, pictures: [run.pictureSize]) }

  /// Loads the model and prepares the picture.
  func makeControl(_ run: ControlledRun, store: ModelStore) throws -> any DenoiseControl {
    try check(run)
    return try maker(run, store: store)(image.tensor)
  }

  /// Loads the model, for a run that looks at parts of the picture brought to a size.
  func makePictureControl(
    _ run: ControlledRun, size: PixelSize, store: ModelStore
  ) throws -> PictureControl {
    PictureControl(picture: image.control(at: size), make: try maker(run, store: store))
  }
}

/// The facts about a run that its controls need.
struct ControlledRun: Sendable {
  /// The denoiser.
  let unet: UNetRecipe
  /// [B, C, h, w].
  let latentShape: [Int]
  /// Whether the model runs with and without the prompt.
  let isGuided: Bool
  /// The size of the result.
  let pictureSize: PixelSize

  init(unet: UNetRecipe, latentShape: [Int], isGuided: Bool) throws {
    self.unet = unet
    self.latentShape = latentShape
    self.isGuided = isGuided
    pictureSize = try unet.base.latentGeometry().pictureSize(latentShape)
  }
}

extension ImageValue {
  /// Checks that a control picture has one of the sizes that a run takes.
  func checkControl(_ run: ControlledRun, _ sizes: [PixelSize]) throws {
    try checkPictures(
      sizes, batch: run.latentShape[0], port: "control",
      messages: (
        "the control picture has another size than the result",
        "there are not as many control pictures as results"
      ), hint: "give ImageLoad or ImageResize this width and height")
  }

  /// The pictures at a size, resized as diffusers resizes control pictures.
  fileprivate func control(at size: PixelSize) -> Tensor {
    if PixelSize(width: shape[3], height: shape[2]) == size { return tensor }
    let pictures = PixelImage.pictures(tensor).map {
      $0.fitted(width: size.width, height: size.height, fit: .stretch, method: .lanczos)
    }
    return PixelImage.tensor(pictures)
  }
}
