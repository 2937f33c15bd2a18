public import DiffusionModels
public import TensorRuntime

/// A picture with its caption, encoded.
public struct TrainingExample: Sendable {
  /// Mean of the picture's latents, as the denoiser sees them, [1, C, h, w].
  public let mean: Tensor
  /// Their standard deviation; nil for an autoencoder without one.
  public let deviation: Tensor?
  /// The caption, and for SDXL the picture's sizes.
  public let condition: PromptEncoding

  /// Joins the parts.
  ///
  /// - Parameters:
  ///   - mean: Mean of the picture's latents, as the denoiser sees them.
  ///   - deviation: Their standard deviation.
  ///   - condition: The caption, encoded.
  public init(mean: Tensor, deviation: Tensor?, condition: PromptEncoding) {
    self.mean = mean
    self.deviation = deviation
    self.condition = condition
  }
}

/// Where the encoded pictures of a training come from.
public protocol TrainingExamples: Sendable {
  /// The sides of each picture in pixels, after rounding, by its place in the data.
  var sizes: [TrainingSize] { get }

  /// Encodes a picture and its caption.
  ///
  /// - Parameters:
  ///   - index: The picture's place in the data.
  ///   - isFlipped: Whether it is mirrored.
  ///   - hasCaption: Whether its caption counts; else it is an empty one.
  /// - Returns: The encoded picture, the same at every call.
  /// - Throws: What reading and encoding throw.
  func example(_ index: Int, isFlipped: Bool, hasCaption: Bool) throws -> TrainingExample
}

/// The sides of a picture in pixels.
public struct TrainingSize: Sendable, Hashable, Comparable {
  /// Pixels from left to right.
  public let width: Int
  /// Pixels from top to bottom.
  public let height: Int

  /// Joins both sides.
  ///
  /// - Parameters:
  ///   - width: Pixels from left to right.
  ///   - height: Pixels from top to bottom.
  public init(width: Int, height: Int) {
    self.width = width
    self.height = height
  }

  /// Both sides rounded to multiples, half to even, but never to nothing.
  ///
  /// - Parameter multiple: What both sides are to be multiples of.
  /// - Returns: The rounded sides.
  public func rounded(to multiple: Int) -> TrainingSize {
    func side(_ side: Int) -> Int {
      let times = (Double(side) / Double(multiple)).rounded(.toNearestOrEven)
      return max(1, Int(times)) * multiple
    }
    return TrainingSize(width: side(width), height: side(height))
  }

  /// Orders by width, then by height.
  public static func < (lhs: TrainingSize, rhs: TrainingSize) -> Bool {
    (lhs.width, lhs.height) < (rhs.width, rhs.height)
  }
}
