extension Tensor {
  /// Adds up one double per block in block order, so that the sum does not depend on threads.
  private func blockSum(_ term: (Float) -> Double) -> Double {
    let source = base
    let blocks = (count + elementwiseGrain - 1) / elementwiseGrain
    return Scratch.doubles(blocks) { partial in
      Parallel.run(count: count, grain: elementwiseGrain) { range in
        var sum = 0.0
        for index in range { sum += term(source[index]) }
        partial[range.lowerBound / elementwiseGrain] = sum
      }
      withExtendedLifetime(storage) {}
      return (0..<blocks).reduce(0.0) { $0 + partial[$1] }
    }
  }

  /// The mean of all elements, accumulated in double precision; NaN when there are none.
  ///
  /// - Returns: The mean.
  public func mean() -> Float { Float(blockSum { Double($0) } / Double(count)) }

  /// The largest magnitude; infinite or NaN if an element is.
  ///
  /// - Returns: The magnitude, 0 when there are no elements.
  public func maxAbs() -> Float {
    withUnsafeFloats { elements in
      var largest: Float = 0
      for element in elements {
        let magnitude = abs(element)
        if magnitude.isNaN { return .nan }
        if magnitude > largest { largest = magnitude }
      }
      return largest
    }
  }

  /// The unbiased standard deviation over everything but the first dimension.
  ///
  /// - Returns: One number per sample, as torch's `std(dim=[1, …])`.
  public func standardDeviationPerSample() -> [Float] {
    precondition(rank >= 1, "a single number has no samples")
    let length = shape.dropFirst().reduce(1, *)
    let source = base
    return (0..<shape[0]).map { sample in
      let start = sample * length
      var sum = 0.0
      for index in start..<start + length { sum += Double(source[index]) }
      let mean = sum / Double(length)
      var squares = 0.0
      for index in start..<start + length {
        let deviation = Double(source[index]) - mean
        squares += deviation * deviation
      }
      withExtendedLifetime(storage) {}
      return Float((squares / Double(length - 1)).squareRoot())
    }
  }

  /// Whether any element is infinite or not a number.
  public var hasNonFinite: Bool {
    withUnsafeFloats { elements in
      // Infinities and NaN have an exponent of all ones. A test of bits can be vectorised.
      var found: UInt32 = 0
      for element in elements {
        found |= element.bitPattern & 0x7f80_0000 == 0x7f80_0000 ? 1 : 0
      }
      return found != 0
    }
  }
}
