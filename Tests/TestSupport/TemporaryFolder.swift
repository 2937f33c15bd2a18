import Foundation

/// A folder of one test, which goes away with the object.
public final class TemporaryFolder: Sendable {
  /// Where the folder is, without a slash at the end.
  public let path: String

  /// Makes an empty folder of a name that nothing else has.
  public init() throws {
    let parent = FileManager.default.temporaryDirectory
    path = parent.appending(path: "resgraph-tests-\(UUID().uuidString)").path()
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// The folder as a URL.
  public var url: URL { URL(filePath: path, directoryHint: .isDirectory) }

  /// The path of a file in the folder, which need not exist.
  public func file(_ name: String) -> String { path + "/" + name }

  /// Writes a file, and makes the folders above it.
  ///
  /// - Parameters:
  ///   - bytes: What the file holds.
  ///   - name: The file's path from this folder.
  /// - Returns: The file's full path.
  /// - Throws: `POSIXError` when the file cannot be written.
  @discardableResult
  public func write(_ bytes: [UInt8], to name: String) throws -> String {
    let parent = (file(name) as NSString).deletingLastPathComponent
    try FileManager.default.createDirectory(atPath: parent, withIntermediateDirectories: true)
    // Foundation syncs every file it writes, and hundreds of test folders need not wait for that.
    guard let handle = fopen(file(name), "w") else { throw POSIXError.current }
    defer { fclose(handle) }
    guard fwrite(bytes, 1, bytes.count, handle) == bytes.count, fflush(handle) == 0 else {
      throw POSIXError.current
    }
    return file(name)
  }

  /// Writes a text file in UTF-8, and makes the folders above it.
  @discardableResult
  public func write(_ text: String, to name: String) throws -> String {
    try write(Array(text.utf8), to: name)
  }
}

extension POSIXError {
  fileprivate static var current: POSIXError { POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
}
