import ResgraphFiles

/// Where an engine keeps results between processes.
public struct CacheOptions: Sendable {
  /// The cache folder.
  public var folder: String
  /// The bytes of results that are kept; nil for a tenth of what is free on the disk.
  public var byteLimit: Int?
  /// Whether results, and states of unfinished nodes, are stored, beside being found.
  public var isWritable: Bool
  /// Told once when something cannot be stored.
  public var warn: @Sendable (String) -> Void

  /// Names a cache.
  ///
  /// - Parameters:
  ///   - folder: The cache folder, made when there is something to store.
  ///   - byteLimit: The bytes of results that are kept; nil for a tenth of what is free on the disk.
  ///   - isWritable: Whether results, and states of unfinished nodes, are stored, beside being found.
  ///   - warn: Told once when something cannot be stored.
  public init(
    folder: String, byteLimit: Int? = nil, isWritable: Bool = true,
    warn: @escaping @Sendable (String) -> Void = { _ in }
  ) {
    self.folder = folder
    self.byteLimit = byteLimit
    self.isWritable = isWritable
    self.warn = warn
  }

  /// The folder of this user: `$RESGRAPH_CACHE`, else `resgraph` in the cache folder of the XDG rules;
  /// nil where the environment names no such place.
  public static var defaultFolder: String? { CacheFolder.path }
}
