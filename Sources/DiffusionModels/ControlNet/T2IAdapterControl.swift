import ResgraphPictures
import TensorRuntime

/// A T2I-Adapter in one run.
package struct T2IAdapterControl: DenoiseControl {
  private let features: [Tensor]
  private let window: ControlWindow

  /// Computes the features of a picture [1 or B, 3, H, W] in 0...1, whose sides
  /// `T2IAdapterConfig.sideMultiple(for:)` divides.
  package init(_ model: T2IAdapterModel, picture: Tensor, _ settings: ControlSettings) {
    // Adapters for sketches and edges read the brightness only.
    let seen =
      model.config.inChannels == 1
      ? PixelImage.tensor(PixelImage.pictures(picture).map { $0.luminance() }) : picture
    features = model(seen).map { $0 * settings.weight }
    window = settings.window
  }

  /// Adds the features at a step inside the window.
  package func apply(
    to conditions: inout UNetConditions, sample: Tensor, step: DenoiseStep
  ) throws {
    guard window.contains(step) else { return }
    let own = features.map { $0.repeated(toBatch: sample.shape[0]) }
    let others = conditions.controls.features
    // Where an adapter has fewer levels than another, the other's last features stay as they are.
    let (longer, shorter) = own.count > others.count ? (own, others) : (others, own)
    conditions.controls.features = longer.enumerated().map { level, feature in
      level < shorter.count ? feature + shorter[level] : feature
    }
  }
}

extension T2IAdapterConfig {
  /// What a control picture's sides must be multiples of for the features to have the sizes of
  /// their places.
  package func sideMultiple(for unet: UNetConfig) -> Int {
    // A denoiser that does not pad on all sides rounds the size of a level down, where features
    // round it up.
    unet.downsamplePadding == 0 ? max(downscale, features.last?.reduction ?? 1) : downscale
  }
}
