import Foundation
import ResgraphFiles
import ResgraphPictures

/// A folder of pictures with captions: in a `metadata.jsonl` or `metadata.csv`, or in a text beside each picture.
public struct PictureFolder: Sendable {
  /// A picture and what is said of it.
  public struct Entry: Sendable, Equatable {
    /// The picture's file.
    public let path: String
    /// What is said of it.
    public let caption: String
    /// Its sides, upright.
    public let size: TrainingSize
  }

  /// A picture that is left out.
  public struct Skipped: Sendable, Equatable {
    /// The picture's file.
    public let path: String
    /// Why.
    public let reason: String
  }

  /// The pictures to train on, in the order of the table or of their names.
  public private(set) var entries: [Entry] = []
  /// What is left out.
  public private(set) var skipped: [Skipped] = []

  /// The names of columns that say which file a row is about, in order of preference, after the one asked for.
  private static let fileColumns = ["file_name", "image"]

  /// Reads the captions, and looks at every picture.
  ///
  /// - Parameters:
  ///   - path: The folder, or one with a folder `train` in it.
  ///   - imageColumn: The column of the pictures' files, where it is not `file_name`.
  ///   - captionColumn: The column of the captions.
  ///   - decodes: Whether every picture is decoded, which finds what would stop the training later; else only
  ///     their headers are read.
  /// - Throws: `TrainingError.badData` when there is nothing to train on, or more than half cannot be read.
  public init(
    path: String, imageColumn: String = "image", captionColumn: String = "text",
    decodes: Bool = true
  ) throws {
    guard FileStatus(path: path)?.kind == .folder else {
      throw TrainingError.badData(path: path, reason: "there is no such folder")
    }
    let part = joinPath(path, "train")
    let root = FileStatus(path: part)?.kind == .folder ? part : path
    let table =
      try CaptionTable(path: "\(root)/metadata.jsonl") ?? CaptionTable(path: "\(root)/metadata.csv")
    let pairs =
      try table.map { try Self.pairs($0, root, imageColumn, captionColumn) } ?? Self.pairs(in: root)
    for pair in pairs { add(pair.path, pair.caption, decodes: decodes) }
    guard !entries.isEmpty else {
      let reason =
        skipped.first.map { "no picture can be used; \($0.path): \($0.reason)" }
        ?? "there are no pictures with captions"
      throw TrainingError.badData(path: root, reason: reason)
    }
    guard skipped.count <= entries.count else {
      throw TrainingError.badData(
        path: root,
        reason: "\(skipped.count) of \(pairs.count) pictures cannot be used, such as "
          + "\(skipped[0].path): \(skipped[0].reason)")
    }
  }

  private mutating func add(_ path: String, _ caption: String, decodes: Bool) {
    do {
      if decodes { _ = try ImageFile.read(path: path) }
      let size = try ImageFile.size(path: path)
      // A strip would become one that no denoiser was made for.
      let (short, long) = (min(size.width, size.height), max(size.width, size.height))
      guard short >= 16, long <= 16 * short else {
        return skipped.append(
          Skipped(path: path, reason: "\(size.width)x\(size.height) is too small or too narrow"))
      }
      entries.append(
        Entry(
          path: path, caption: caption,
          size: TrainingSize(width: size.width, height: size.height)))
    } catch {
      skipped.append(Skipped(path: path, reason: "\(error)"))
    }
  }

  private static func pairs(
    _ table: CaptionTable, _ root: String, _ imageColumn: String, _ captionColumn: String
  ) throws -> [(path: String, caption: String)] {
    let columns = [imageColumn] + fileColumns
    return try table.rows.enumerated().map { index, row in
      guard let file = columns.lazy.compactMap({ row[$0] }).first else {
        throw TrainingError.badData(
          path: table.path, reason: "row \(index + 1) has no column \(columns[0]) or file_name")
      }
      guard let caption = row[captionColumn] else {
        let known = row.keys.sorted().joined(separator: ", ")
        throw TrainingError.badData(
          path: table.path,
          reason: "row \(index + 1) has no text in the column \(captionColumn) (it has: \(known))")
      }
      return (file.hasPrefix("/") ? file : "\(root)/\(file)", caption)
    }
  }

  /// Pictures with a text of the same name beside them.
  private static func pairs(in root: String) throws -> [(path: String, caption: String)] {
    try FileReader.names(inFolder: root).compactMap { name in
      let parts = name.split(separator: ".")
      guard let ending = parts.last?.lowercased(), ["png", "jpg", "jpeg", "webp"].contains(ending)
      else { return nil }
      let text = "\(root)/\(name.dropLast(ending.count))txt"
      guard let caption = try CaptionTable.text(text) else { return nil }
      return ("\(root)/\(name)", caption.trimmingCharacters(in: .whitespacesAndNewlines))
    }
  }
}
