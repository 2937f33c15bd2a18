import ResgraphFiles

extension FileAccess {
  /// Identifies the content of a file, or of a folder with everything below it, without reading it.
  ///
  /// Within one process, equal texts mean equal contents: device, inode, size and times of change.
  ///
  /// - Parameter path: The path of an existing file or folder.
  /// - Returns: A text without meaning.
  func identity(_ path: String) -> String {
    var encoder = CanonicalEncoder(domain: "file identity")
    Self.add(path, depth: 0, to: &encoder)
    return encoder.key().hex
  }

  private static func add(_ path: String, depth: Int, to encoder: inout CanonicalEncoder) {
    guard let status = FileStatus(path: path), depth < 32 else { return }
    encoder.add(status.text)
    guard status.kind == .folder, let names = try? FileReader.names(inFolder: path) else { return }
    encoder.add(count: names.count)
    for name in names {
      encoder.add(name)
      add(joinPath(path, name), depth: depth + 1, to: &encoder)
    }
  }
}
