import ResgraphFiles
import ResgraphPictures
import ResgraphWeights
import TensorRuntime

/// Prepares pictures for an image encoder as transformers' `CLIPImageProcessor` does: it resizes
/// them, crops the middle, scales values to 0...1 and normalises them.
struct ImagePreprocessor: Sendable, Equatable {
  /// The size to which a picture is resized before it is cropped.
  enum Size: Sendable, Equatable {
    /// The shorter side; the other one keeps the proportion.
    case shortestEdge(Int)
    case exact(height: Int, width: Int)
  }

  /// The size to resize to; nil to keep the size.
  var size: Size?
  /// The size to crop to; nil to crop nothing.
  var crop: (height: Int, width: Int)?
  var method = ResamplingMethod.bicubic
  var rescale: Double? = 1 / 255
  /// Mean and deviation per channel; nil to keep the values.
  var normalization: (mean: [Double], deviation: [Double])? = (
    [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]
  )

  /// The size of the pictures that it makes; nil where that depends on the picture given.
  var fixedSize: (width: Int, height: Int)? {
    if let crop { return (crop.width, crop.height) }
    if case .exact(let height, let width)? = size { return (width, height) }
    return nil
  }

  /// Makes CLIP's preprocessor for an encoder's picture size.
  init(side: Int) {
    size = .shortestEdge(side)
    crop = (side, side)
  }

  static func == (left: ImagePreprocessor, right: ImagePreprocessor) -> Bool {
    left.size == right.size && left.crop?.height == right.crop?.height
      && left.crop?.width == right.crop?.width && left.method == right.method
      && left.rescale == right.rescale && left.normalization?.mean == right.normalization?.mean
      && left.normalization?.deviation == right.normalization?.deviation
  }

  /// Prepares pictures [B, 3, H, W] in 0...1 for the encoder: [B, 3, h, w].
  func callAsFunction(_ images: Tensor) -> Tensor {
    let pictures = PixelImage.pictures(images).map { cut(resized($0)) }
    guard let first = pictures.first else { return images }
    let plane = first.width * first.height
    var values: [Float] = []
    values.reserveCapacity(pictures.count * 3 * plane)
    for picture in pictures {
      for channel in 0..<3 {
        // The table holds all 256 values of a channel, computed in double precision as by numpy.
        let table = (0..<256).map { value(Double($0), channel: channel) }
        for pixel in 0..<plane { values.append(table[Int(picture.bytes[pixel * 3 + channel])]) }
      }
    }
    return Tensor(values, shape: [pictures.count, 3, first.height, first.width])
  }

  private func value(_ byte: Double, channel: Int) -> Float {
    let scaled = byte * (rescale ?? 1)
    guard let normalization else { return Float(scaled) }
    return Float((scaled - normalization.mean[channel]) / normalization.deviation[channel])
  }

  private func resized(_ picture: PixelImage) -> PixelImage {
    switch size {
    case nil: return picture
    case .exact(let height, let width):
      return picture.resized(width: width, height: height, method: method)
    case .shortestEdge(let short):
      let (width, height) = (picture.width, picture.height)
      // As in transformers, the longer side is rounded down.
      let long = Int(Double(short * max(width, height)) / Double(min(width, height)))
      return width <= height
        ? picture.resized(width: short, height: long, method: method)
        : picture.resized(width: long, height: short, method: method)
    }
  }

  /// Crops the middle of a picture.
  ///
  /// A smaller picture gets a black border.
  private func cut(_ picture: PixelImage) -> PixelImage {
    guard let crop else { return picture }
    guard crop.height > picture.height || crop.width > picture.width else {
      return picture.cropped(
        x: (picture.width - crop.width) / 2, y: (picture.height - crop.height) / 2,
        width: crop.width, height: crop.height)
    }
    let canvasSize = (max(crop.width, picture.width), max(crop.height, picture.height))
    var canvas = PixelImage(width: canvasSize.0, height: canvasSize.1, channels: picture.channels)
    // As in transformers, padding is rounded up.
    let left = (canvas.width - picture.width + 1) / 2
    let top = (canvas.height - picture.height + 1) / 2
    canvas.paste(picture, x: left, y: top)
    return canvas.cropped(
      x: max(0, picture.width - crop.width) / 2, y: max(0, picture.height - crop.height) / 2,
      width: crop.width, height: crop.height)
  }
}

extension ImagePreprocessor {
  /// Reads a `preprocessor_config.json`.
  ///
  /// - Parameters:
  ///   - json: The document; members that are absent have `CLIPImageProcessor`'s defaults.
  ///   - path: The file, for messages.
  /// - Throws: `WeightError` for options that cannot be followed.
  init(json: JSONValue, path: String) throws {
    self.init(side: 224)
    let reader = Reader(json: json, path: path)
    if json.bool("do_resize") == false {
      size = nil
    } else if let size = try reader.size("size") {
      self.size = size
    }
    if json.bool("do_center_crop") == false {
      crop = nil
    } else if let size = try reader.size("crop_size") {
      switch size {
      case .shortestEdge(let side): crop = (side, side)
      case .exact(let height, let width): crop = (height, width)
      }
    }
    if let code = json.int("resample") { method = try reader.method(code) }
    if let factor = json.double("rescale_factor") { rescale = factor }
    if json.bool("do_rescale") == false { rescale = nil }
    if let mean = json.doubles("image_mean") { normalization?.mean = mean }
    if let deviation = json.doubles("image_std") { normalization?.deviation = deviation }
    if json.bool("do_normalize") == false { normalization = nil }
    if let normalization {
      guard normalization.mean.count == 3, normalization.deviation.count == 3,
        normalization.deviation.allSatisfy({ $0 != 0 })
      else { throw reader.invalid("image_mean and image_std must have three numbers") }
    }
  }

  /// Reads the members of a preprocessor's configuration.
  private struct Reader {
    let json: JSONValue
    let path: String

    func invalid(_ reason: String) -> WeightError {
      .malformed(path: path, format: "preprocessor configuration", reason: reason)
    }

    /// Reads a size.
    ///
    /// A single number is the shorter side.
    func size(_ name: String) throws -> Size? {
      guard let value = json[name], !value.isNull else { return nil }
      if let side = value.intValue ?? value.int("shortest_edge") {
        return .shortestEdge(try checked(side, name))
      }
      guard let height = value.int("height"), let width = value.int("width") else {
        throw invalid("\(name) has neither shortest_edge nor height and width")
      }
      return .exact(height: try checked(height, name), width: try checked(width, name))
    }

    private func checked(_ side: Int, _ name: String) throws -> Int {
      guard (1...4_096).contains(side) else {
        throw invalid("\(name) of \(side) is outside 1 to 4096")
      }
      return side
    }

    /// Translates Pillow's number of a resampling method.
    func method(_ code: Int) throws -> ResamplingMethod {
      switch code {
      case 0: return .nearest
      case 1: return .lanczos
      case 2: return .bilinear
      case 3: return .bicubic
      default: throw invalid("resample \(code) is not supported (0, 1, 2 and 3 are)")
      }
    }
  }
}
