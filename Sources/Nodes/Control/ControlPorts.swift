import DiffusionModels
import GraphRuntime

/// The picture that steers a denoiser, how strongly, and when.
struct ControlPorts {
  @Input("Control picture [1 or B, 3, H, W], of the size of the result") var image: ImageValue
  @Param("Strength", min: 0, max: 8) var weight = 1.0
  @Param("Share of the steps before which it has no effect", min: 0, max: 1) var start = 0.0
  @Param("Share of the steps after which it has no effect", min: 0, max: 1) var end = 1.0
  @Output("Control, for UNetDenoise") var control: ControlValue

  /// The settings that the ports say.
  func settings(guess: Bool = false) throws -> ControlSettings {
    guard start <= end else {
      throw NodeError(
        "the window ends before it starts", port: "end", expected: "at least \(start)",
        got: String(end))
    }
    return ControlSettings(
      weight: Float(weight), window: ControlWindow(start: start, end: end), guess: guess)
  }
}
