/// The order in which a tensor's elements lie in memory.
public enum Layout: Sendable {
  /// Row-major in the order of the shape.
  case contiguous
  /// Feature maps only: a shape [B, C, H, W] stored as B, H, W, C.
  case channelsLast
}
