import ResgraphFiles

/// The file of an IP-Adapter, which may be given by a folder that holds it.
public struct IPAdapterFile: Sendable {
  /// The file.
  public let path: String
  /// The tensors: `image_proj.…` and `ip_adapter.…`.
  public let source: any WeightSource

  /// Opens an adapter; only headers are read.
  ///
  /// - Parameter path: A `.safetensors` or `.bin` file, or a folder with one of them.
  /// - Throws: `WeightError` when it is missing, malformed or no IP-Adapter.
  public init(path: String) throws {
    self.path = try Self.file(in: path)
    source = try openWeightFile(self.path)
    let scope = WeightScope(source)
    guard scope.has("image_proj"), scope.has("ip_adapter") else {
      throw WeightError.unsupportedAdapter(
        adapter: self.path, reason: "is no IP-Adapter (it has \(listed(source.keys)))")
    }
  }

  /// The folder `image_encoder` beside the file, in which released adapters have their image
  /// encoder; nil when there is none.
  public var siblingEncoder: String? {
    let path = joinPath(folderName(of: path), "image_encoder")
    return FileSystem.isDirectory(path) ? path : nil
  }

  private static func file(in path: String) throws(WeightError) -> String {
    guard FileSystem.isDirectory(path) else { return path }
    let names = try FileSystem.names(in: path)
    for ending in [".safetensors", ".bin"] {
      let files = names.filter { $0.hasSuffix(ending) }
      if files.count == 1 { return joinPath(path, files[0]) }
      guard files.isEmpty else {
        throw .invalidLayout(path: path, reason: "several files: \(listed(files)); name one")
      }
    }
    throw .partMissing(path: path, reason: "no IP-Adapter file (.safetensors or .bin)")
  }
}
