import ArgumentParser
import Resgraph

/// Which cache is meant, and how large it may be.
struct CacheFolderOptions: ParsableArguments {
  @Option(
    name: .customLong("cache"),
    help: ArgumentHelp(
      "Keeps results in this folder: $RESGRAPH_CACHE when left out, else ~/.cache/resgraph.",
      valueName: "dir"),
    completion: .directory)
  var folder: String?

  @Option(
    name: .customLong("cache-limit"),
    help: ArgumentHelp(
      "Bytes of results to keep, such as 2G; a tenth of what is free on the disk when left out.",
      valueName: "size"))
  var limit: ByteSize?

  /// The folder; nil where the environment names none.
  var path: String? { folder ?? CacheOptions.defaultFolder }

  /// Looks after the cache.
  ///
  /// - Throws: `ValidationError` where the environment names no folder.
  func maintenance() throws -> CacheMaintenance {
    guard let path else { throw ValidationError("there is no cache folder: name one with --cache") }
    return CacheMaintenance(root: path, byteLimit: limit?.bytes)
  }
}
