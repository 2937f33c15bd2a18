import GraphRuntime
import TensorRuntime

/// A port value that is one float32 tensor.
protocol TensorValue: PortValue {
  var content: TensorContent { get }
  init(content: TensorContent)
  /// How many dimensions the tensor has.
  static var rank: Int { get }
}

extension TensorValue {
  init(_ tensor: Tensor) { self.init(content: .numbers(tensor)) }

  /// A value of which only the shape is known yet.
  static func predicted(_ shape: [Int]) -> Self { Self(content: .predicted(shape)) }

  var tensor: Tensor { content.tensor }
  var shape: [Int] { content.shape }
  var byteCount: Int { content.byteCount }

  static var rank: Int { 4 }

  func encoded() throws -> [UInt8] { StoredTensors.encode([("value", tensor)]) }

  init(encoded bytes: [UInt8]) throws {
    guard let tensor = try StoredTensors.decode(bytes)["value"], tensor.shape.count == Self.rank
    else { throw PortValueError.damaged(Self.typeName) }
    self.init(tensor)
  }
}

/// Latents of pictures: [B, C, H/8, W/8], scaled for the UNet.
struct LatentValue: TensorValue {
  static let typeName = "Latent"
  let content: TensorContent
  /// The mask of the part that is painted again, [1 or B, 1, h, w], 1 where it is painted; nil to
  /// paint everywhere.
  var paintMask: Tensor?
  /// The picture without the part that is painted again, [1 or B, C, h, w], for denoisers that take
  /// it as an input.
  var maskedPicture: TensorContent?

  init(content: TensorContent) { self.content = content }

  func encoded() throws -> [UInt8] {
    var tensors = [("value", tensor)]
    if let paintMask { tensors.append(("mask", paintMask)) }
    if let maskedPicture { tensors.append(("masked", maskedPicture.tensor)) }
    return StoredTensors.encode(tensors)
  }

  init(encoded bytes: [UInt8]) throws {
    let tensors = try StoredTensors.decode(bytes)
    guard let tensor = tensors["value"], tensor.shape.count == Self.rank else {
      throw PortValueError.damaged(Self.typeName)
    }
    self.init(tensor)
    paintMask = tensors["mask"]
    maskedPicture = tensors["masked"].map { .numbers($0) }
  }
}

/// Random numbers with a latent's shape, unit variance.
struct NoiseValue: TensorValue {
  static let typeName = "Noise"
  let content: TensorContent
}

/// Pictures: [B, 3, H, W] in 0...1.
struct ImageValue: TensorValue {
  static let typeName = "Image"
  let content: TensorContent
}

/// Masks: [B, 1, H, W] in 0...1, 1 where a denoiser paints.
struct MaskValue: TensorValue {
  static let typeName = "Mask"
  let content: TensorContent
}
