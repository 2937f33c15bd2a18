#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Reading of whole files and of folders' names.
package enum FileReader {
  /// Reads a whole file.
  ///
  /// - Parameters:
  ///   - path: The file.
  ///   - limit: The most bytes it may have.
  ///   - rule: What may be opened.
  /// - Returns: The bytes.
  /// - Throws: `FileError`.
  package static func bytes(
    _ path: String, limit: Int, rule: OpenFile.Rule = .regular
  ) throws(FileError) -> [UInt8] {
    try OpenFile(path, rule: rule).bytes(limit: limit)
  }

  /// Reads one of the kernel's own files, below `/proc` and `/sys`.
  ///
  /// - Parameter path: The file.
  /// - Returns: The text, nil when the system has no such file.
  package static func kernelText(_ path: String) -> String? {
    (try? bytes(path, limit: 16 << 20)).map { String(decoding: $0, as: UTF8.self) }
  }

  /// The names in a folder, sorted by their bytes.
  ///
  /// - Parameter path: The folder.
  /// - Returns: The names, without those of the folder itself and of the one above.
  /// - Throws: `FileError` when the folder cannot be read.
  package static func names(inFolder path: String) throws(FileError) -> [String] {
    guard let folder = opendir(path) else { throw FileError("open", path, code: errno) }
    defer { closedir(folder) }
    var names: [String] = []
    while let entry = readdir(folder) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        pointer.withMemoryRebound(to: CChar.self, capacity: 1) { String(cString: $0) }
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }
}
