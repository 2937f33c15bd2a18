/// The version of the engine.
public enum EngineVersion {
  /// The version as text, such as `0.1.0`; pictures carry it.
  public static let text = "0.1.0"
}
