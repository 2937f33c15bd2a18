import CKernels

extension Tensor {
  /// The batch, channels, height and width of a feature map.
  var featureMapSize: (batch: Int, channels: Int, height: Int, width: Int) {
    precondition(shape.count == 4, "expected a feature map [B, C, H, W], got \(shape)")
    return (shape[0], shape[1], shape[2], shape[3])
  }

  /// Whether the elements lie in the same order in both layouts, as they do for one channel or
  /// pixel.
  private var layoutsCoincide: Bool {
    shape.count == 4 && (shape[1] == 1 || shape[2] * shape[3] == 1)
  }

  private func relabelled(_ layout: Layout) -> Tensor {
    Tensor(shape: shape, layout: layout, storage: storage, offset: offset).withGradient(gradient)
  }

  /// The same values in row-major order.
  ///
  /// - Returns: Itself when already so.
  public func contiguous() -> Tensor {
    if layout == .contiguous { return self }
    if layoutsCoincide { return relabelled(.contiguous) }
    let size = featureMapSize
    return Tensor(shape: shape, layout: .contiguous) { destination in
      for image in 0..<size.batch {
        let first = image * size.channels * size.height * size.width
        transpose(
          base + first, rows: size.height * size.width, columns: size.channels,
          into: destination + first)
      }
    }.withGradient(gradient)
  }

  /// The same feature map stored with channels innermost.
  ///
  /// - Returns: Itself when already so.
  public func channelsLast() -> Tensor {
    if layout == .channelsLast { return self }
    let size = featureMapSize
    if layoutsCoincide { return relabelled(.channelsLast) }
    return Tensor(shape: shape, layout: .channelsLast) { destination in
      for image in 0..<size.batch {
        let first = image * size.channels * size.height * size.width
        transpose(
          base + first, rows: size.channels, columns: size.height * size.width,
          into: destination + first)
      }
    }.withGradient(gradient)
  }

  /// The same values in the given layout.
  func inLayout(_ layout: Layout) -> Tensor {
    layout == .contiguous ? contiguous() : channelsLast()
  }

  /// Turns a feature map into a sequence of one token per pixel.
  ///
  /// - Returns: [B, C, H, W] as [B, H·W, C]; shares memory when channels-last.
  public func tokens() -> Tensor {
    let size = featureMapSize
    let map = channelsLast()
    return Tensor(
      shape: [size.batch, size.height * size.width, size.channels], layout: .contiguous,
      storage: map.storage, offset: map.offset
    ).recorded(from: self) { $0.contiguous().featureMap(height: size.height, width: size.width) }
  }

  /// Turns a sequence of one token per pixel into a feature map, sharing memory.
  ///
  /// - Parameters:
  ///   - height: Rows of pixels.
  ///   - width: Pixels per row; height · width tokens are expected.
  /// - Returns: [B, H·W, C] as channels-last [B, C, H, W].
  public func featureMap(height: Int, width: Int) -> Tensor {
    precondition(
      shape.count == 3 && shape[1] == height * width,
      "\(shape) is not a sequence of \(height)x\(width) tokens")
    return Tensor(
      shape: [shape[0], shape[2], height, width], layout: .channelsLast, storage: storage,
      offset: offset
    ).recorded(from: self) { $0.tokens() }
  }

  /// Views the elements under other dimensions, in logical row-major order.
  ///
  /// - Parameter shape: Dimensions with the same product.
  /// - Returns: A contiguous tensor; shares memory when this one is contiguous.
  public func reshaped(_ shape: [Int]) -> Tensor {
    precondition(shape.reduce(1, *) == count, "cannot reshape \(self.shape) to \(shape)")
    let plain = contiguous()
    let own = self.shape
    return Tensor(shape: shape, layout: .contiguous, storage: plain.storage, offset: plain.offset)
      .recorded(from: self) { $0.reshaped(own) }
  }
}

/// Writes the transpose of a dense row-major matrix, in strips that threads share.
func transpose(
  _ source: UnsafePointer<Float>, rows: Int, columns: Int,
  into destination: UnsafeMutablePointer<Float>
) {
  let kernels = KernelSet.best
  // A strip is as wide as the squares that the kernel transposes. Together with its length that is
  // enough work for a thread.
  let strip = 16
  let strips = (columns + strip - 1) / strip
  OpProfile.measure(ValueProblem(op: "transpose", count: rows * columns), kernels.name) {
    Parallel.run(count: strips, grain: max(1, (1 << 15) / (strip * rows + 1))) { range in
      kernels.table.pointee.transpose(
        source, destination, columns, rows, range.lowerBound * strip,
        min(columns, range.upperBound * strip))
    }
  }
}
