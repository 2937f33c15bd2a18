/// How a picture is fitted to a size of another proportion.
package enum ImageFit: String, CaseIterable, Sendable {
  /// Each side is scaled by its own factor.
  case stretch
  /// The picture fills the wanted size, and is cut evenly on the sides that are too long, as
  /// Pillow's `ImageOps.fit` does.
  case cover
  /// The whole picture is kept, with black bars beside it, as Pillow's `ImageOps.pad` does.
  case contain
}

/// The sides of a picture.
package struct PixelSize: Equatable {
  package var width: Int
  package var height: Int

  package init(width: Int, height: Int) {
    self.width = width
    self.height = height
  }

  package init(_ size: (width: Int, height: Int)) {
    self.init(width: size.width, height: size.height)
  }

  /// The size with new sides; where one is nil it follows from the other in proportion.
  package func scaled(width newWidth: Int?, height newHeight: Int?) -> PixelSize {
    PixelSize(
      width: newWidth ?? newHeight.map { Self.scale(width, $0, over: height) } ?? width,
      height: newHeight ?? newWidth.map { Self.scale(height, $0, over: width) } ?? height)
  }

  /// `side * numerator / denominator`, rounded as Pillow does, at least 1.
  package static func scale(_ side: Int, _ numerator: Int, over denominator: Int) -> Int {
    let exact = Double(side) / Double(denominator) * Double(numerator)
    return max(1, Int(exact.rounded(.toNearestOrEven)))
  }
}

extension PixelImage {
  /// Resizes to the wanted size; where one side is nil it follows from the other in proportion.
  package func fitted(
    width: Int?, height: Int?, fit: ImageFit, method: ResamplingMethod
  ) -> PixelImage {
    let size = PixelSize(width: self.width, height: self.height)
      .scaled(width: width, height: height)
    if size.width == self.width, size.height == self.height { return self }
    switch fit {
    case .stretch: return resized(width: size.width, height: size.height, method: method)
    case .cover: return covering(width: size.width, height: size.height, method: method)
    case .contain: return contained(width: size.width, height: size.height, method: method)
    }
  }

  private func covering(width: Int, height: Int, method: ResamplingMethod) -> PixelImage {
    let (sourceWidth, sourceHeight) = (Double(self.width), Double(self.height))
    let wanted = Double(width) / Double(height)
    let ratio = sourceWidth / sourceHeight
    var (cropWidth, cropHeight) = (sourceWidth, sourceHeight)
    if ratio > wanted {
      cropWidth = wanted * sourceHeight
    } else if ratio < wanted {
      cropHeight = sourceWidth / wanted
    }
    var box = ResamplingBox(self)
    let (left, top) = ((sourceWidth - cropWidth) * 0.5, (sourceHeight - cropHeight) * 0.5)
    (box.left, box.top) = (Float(left), Float(top))
    (box.right, box.bottom) = (Float(left + cropWidth), Float(top + cropHeight))
    return resized(width: width, height: height, method: method, box: box)
  }

  private func contained(width: Int, height: Int, method: ResamplingMethod) -> PixelImage {
    let ratio = Double(self.width) / Double(self.height)
    let wanted = Double(width) / Double(height)
    var (innerWidth, innerHeight) = (width, height)
    if ratio > wanted {
      innerHeight = PixelSize.scale(self.height, width, over: self.width)
    } else if ratio < wanted {
      innerWidth = PixelSize.scale(self.width, height, over: self.height)
    }
    let inner = resized(width: innerWidth, height: innerHeight, method: method)
    var canvas = PixelImage(width: width, height: height, channels: channels)
    let left = (Double(width - innerWidth) * 0.5).rounded(.toNearestOrEven)
    let top = (Double(height - innerHeight) * 0.5).rounded(.toNearestOrEven)
    canvas.paste(inner, x: Int(left), y: Int(top))
    return canvas
  }
}
