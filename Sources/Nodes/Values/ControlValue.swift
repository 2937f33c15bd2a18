import DiffusionModels
import GraphRuntime
import ResgraphPictures
import TensorRuntime

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
  /// Whether the prompt's half of a guided batch alone is controlled.
  var seesPromptOnly: Bool { get }
  /// Checks by headers alone that the control fits a run.
  func check(_ run: ControlledRun) throws
  /// Loads the models and prepares the picture.
  func makeControl(_ run: ControlledRun, store: ModelStore) throws -> any DenoiseControl
  /// Checks by headers alone that the control fits a run that looks at the picture in parts.
  func check(_ run: ControlledRun, pictures: [PixelSize]) throws
  /// Loads the models, for a run that looks at the picture in parts.
  ///
  /// - Parameters:
  ///   - run: The run.
  ///   - size: The size to which the picture is brought.
  ///   - store: Where models are.
  /// - Returns: The picture, and how a control for a part of it is made.
  /// - Throws: When a model cannot be loaded.
  func makePictureControl(
    _ run: ControlledRun, size: PixelSize, store: ModelStore
  ) throws -> PictureControl
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

extension ImageValue {
  /// Checks that a control picture has one of the sizes that a run takes.
  func checkControl(_ run: ControlledRun, _ sizes: [PixelSize]) throws {
    guard sizes.contains(PixelSize(width: shape[3], height: shape[2])) else {
      throw NodeError(
        "the control picture has another size than the result", port: "control",
        expected: sizes.map { "\($0.width)x\($0.height)" }.joined(separator: " or "),
        got: "\(shape[3])x\(shape[2])",
        hint: "give ImageLoad or ImageResize this width and height")
    }
    guard shape[0] == 1 || shape[0] == run.latentShape[0] else {
      throw NodeError(
        "there are not as many control pictures as results", port: "control",
        expected: run.latentShape[0] == 1 ? "1" : "1 or \(run.latentShape[0])",
        got: "\(shape[0])")
    }
  }

  /// The pictures at a size, resized as diffusers resizes control pictures.
  func control(at size: PixelSize) -> Tensor {
    if PixelSize(width: shape[3], height: shape[2]) == size { return tensor }
    let pictures = PixelImage.pictures(tensor).map {
      $0.fitted(width: size.width, height: size.height, fit: .stretch, method: .lanczos)
    }
    return PixelImage.tensor(pictures)
  }
}

extension ControlledRun {
  /// The size of the result.
  var pictureSize: PixelSize {
    PixelSize(width: latentShape[3] * 8, height: latentShape[2] * 8)
  }
}
