import TensorRuntime

/// The tensors that a ControlNet adds to a UNet in one step.
public struct ControlResiduals: Sendable {
  /// One tensor per skip connection of the UNet; the first is for the first convolution.
  public var down: [Tensor]
  /// The tensor for the output of the middle block.
  public var mid: Tensor

  /// Makes residuals.
  ///
  /// - Parameters:
  ///   - down: One per skip connection.
  ///   - mid: For the middle block.
  public init(down: [Tensor], mid: Tensor) {
    self.down = down
    self.mid = mid
  }

  /// Adds the residuals of several ControlNets.
  public static func + (left: ControlResiduals, right: ControlResiduals) -> ControlResiduals {
    precondition(left.down.count == right.down.count, "residuals of different UNets")
    return ControlResiduals(
      down: zip(left.down, right.down).map { $0.adding($1) }, mid: left.mid.adding(right.mid))
  }

  /// All residuals changed in the same way.
  func map(_ change: (Tensor) -> Tensor) -> ControlResiduals {
    ControlResiduals(down: down.map(change), mid: change(mid))
  }
}
