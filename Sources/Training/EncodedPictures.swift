public import DiffusionModels
import ResgraphPictures
import Synchronization
public import TensorRuntime

/// What turns pictures and captions into what a denoiser sees.
public struct PictureEncoder: Sendable {
  /// Latents of a picture, as the denoiser sees them: their mean, and their deviation where there is one.
  public typealias Latents = (mean: Tensor, deviation: Tensor?)
  let latents: @Sendable (Tensor) throws -> Latents
  let caption: @Sendable (String) throws -> PromptEncoding
  let tellsSizes: Bool

  /// Joins the parts.
  ///
  /// - Parameters:
  ///   - tellsSizes: Whether the denoiser is told the sizes of pictures, as SDXL's is.
  ///   - latents: What an autoencoder makes of a picture [1, 3, H, W] in -1...1.
  ///   - caption: What the text encoders make of a caption.
  public init(
    tellsSizes: Bool, latents: @escaping @Sendable (Tensor) throws -> Latents,
    caption: @escaping @Sendable (String) throws -> PromptEncoding
  ) {
    self.tellsSizes = tellsSizes
    self.latents = latents
    self.caption = caption
  }
}

/// The pictures of a folder, encoded when they are first wanted and kept as far as memory is given.
public final class EncodedPictures: TrainingExamples {
  /// The sides of each picture after rounding.
  public let sizes: [TrainingSize]
  private let entries: [PictureFolder.Entry]
  private let encoder: PictureEncoder
  private let memory: Int
  private let kept = Mutex(Kept())

  private struct Key: Hashable {
    let index: Int
    let isFlipped: Bool
  }

  private struct Kept {
    var bytes = 0
    /// Whether everything found room so far.
    var isComplete = true
    var latents: [Key: PictureEncoder.Latents] = [:]
    var captions: [String: PromptEncoding] = [:]
  }

  /// Prepares the pictures whose sides, after rounding, are within the limit.
  ///
  /// - Parameters:
  ///   - folder: The pictures.
  ///   - options: Rounding and limit of their sides.
  ///   - encoder: What encodes them.
  ///   - memory: Bytes of encoded pictures and captions that are kept.
  public init(
    _ folder: PictureFolder, _ options: TrainingOptions, encoder: PictureEncoder, memory: Int
  ) {
    let limit = options.maxResolution ?? .max
    entries = folder.entries.filter {
      let size = $0.size.rounded(to: options.nearestResolutionMultiple)
      return max(size.width, size.height) <= limit
    }
    sizes = entries.map { $0.size.rounded(to: options.nearestResolutionMultiple) }
    self.encoder = encoder
    self.memory = memory
  }

  /// Encodes a picture and its caption, or finds them as they were encoded before.
  public func example(
    _ index: Int, isFlipped: Bool, hasCaption: Bool
  ) throws -> TrainingExample {
    let latents = try latents(Key(index: index, isFlipped: isFlipped))
    var condition = try caption(hasCaption ? entries[index].caption : "")
    if encoder.tellsSizes {
      let (own, target) = (entries[index].size, sizes[index])
      let ids = [own.height, own.width, 0, 0, target.height, target.width]
      condition.timeIDs = Tensor(ids.map { Float($0) }, shape: [1, 6])
    }
    return TrainingExample(
      mean: latents.mean, deviation: latents.deviation, condition: condition)
  }

  /// Encodes all pictures ahead, as far as memory is given.
  ///
  /// - Parameters:
  ///   - withFlips: Whether mirrored pictures will be wanted too.
  ///   - report: Is told how many pictures are done; throwing ends the work.
  /// - Returns: Whether everything is kept, so that nothing will be encoded any more.
  /// - Throws: What encoding and `report` throw.
  public func encodeAll(withFlips: Bool, _ report: (Int) throws -> Void) throws -> Bool {
    _ = try caption("")
    for entry in entries { _ = try caption(entry.caption) }
    for index in entries.indices {
      for isFlipped in withFlips ? [false, true] : [false] {
        _ = try latents(Key(index: index, isFlipped: isFlipped))
      }
      try report(index + 1)
    }
    return kept.withLock { $0.isComplete }
  }

  private func latents(_ key: Key) throws -> PictureEncoder.Latents {
    if let known = kept.withLock({ $0.latents[key] }) { return known }
    let entry = entries[key.index]
    let size = sizes[key.index]
    var picture: PixelImage
    do {
      picture = try ImageFile.read(path: entry.path).withoutAlpha()
    } catch {
      throw TrainingError.badData(path: entry.path, reason: "\(error)")
    }
    picture = picture.resized(
      width: size.width, height: size.height, method: .lanczos)
    if key.isFlipped { picture = EXIFOrientation(code: 2).apply(to: picture) }
    let found = try encoder.latents(picture.tensor() * 2 - 1)
    keep(found.mean.byteCount + (found.deviation?.byteCount ?? 0)) { $0.latents[key] = found }
    return found
  }

  private func caption(_ text: String) throws -> PromptEncoding {
    if let known = kept.withLock({ $0.captions[text] }) { return known }
    let found = try encoder.caption(text)
    keep(found.embeddings.byteCount) { $0.captions[text] = found }
    return found
  }

  private func keep(_ bytes: Int, _ store: (inout Kept) -> Void) {
    kept.withLock { kept in
      guard kept.bytes + bytes <= memory else {
        kept.isComplete = false
        return
      }
      kept.bytes += bytes
      store(&kept)
    }
  }
}
