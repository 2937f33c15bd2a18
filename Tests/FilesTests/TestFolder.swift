import Foundation
import Testing

/// A temporary folder that goes away with the object.
final class TestFolder: Sendable {
  let path: String

  init() throws {
    path = NSTemporaryDirectory() + "/resgraph-files-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// The names in the folder.
  func names(_ folder: String = "") throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: path + "/" + folder).sorted()
  }

  /// The text of a file.
  func read(_ name: String) throws -> String {
    try String(contentsOfFile: path + "/" + name, encoding: .utf8)
  }

  /// Writes a file and returns its path.
  @discardableResult func write(_ name: String, _ text: String) throws -> String {
    try write(name, Array(text.utf8))
  }

  @discardableResult func write(_ name: String, _ bytes: [UInt8]) throws -> String {
    let file = path + "/" + name
    try FileManager.default.createDirectory(
      atPath: (file as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
    // Foundation syncs every file it writes, which hundreds of test folders need not wait for.
    let handle = try #require(fopen(file, "w"))
    defer { fclose(handle) }
    try #require(fwrite(bytes, 1, bytes.count, handle) == bytes.count)
    return file
  }

  /// Makes a named pipe and returns its path.
  func pipe(_ name: String) throws -> String {
    let file = path + "/" + name
    try #require(mkfifo(file, 0o600) == 0)
    return file
  }
}
