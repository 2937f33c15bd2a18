import ResgraphFiles

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// The few questions that loaders ask about folders.
enum FileSystem {
  /// What a path leads to.
  static func kind(of path: String) throws(WeightError) -> FileKind {
    guard let status = FileStatus(path: path) else {
      throw .file(FileError("open", path, code: errno))
    }
    return status.kind
  }

  static func isDirectory(_ path: String) -> Bool { FileStatus(path: path)?.kind == .folder }

  static func exists(_ path: String) -> Bool { FileStatus(path: path) != nil }

  /// The names in a folder, sorted.
  static func names(in folder: String) throws(WeightError) -> [String] {
    do throws(FileError) {
      return try FileReader.names(inFolder: folder)
    } catch {
      throw .file(error)
    }
  }
}

extension JSONValue {
  /// Reads a JSON file.
  ///
  /// - Parameters:
  ///   - path: A regular file.
  ///   - limits: What is refused as too large.
  /// - Returns: The document.
  /// - Throws: `WeightError` when the file is missing, unreadable or not JSON.
  public static func read(
    path: String, limits: JSONLimits = .standard
  ) throws(WeightError) -> JSONValue {
    let file = try FileBytes(path: path)
    if file.bytes.starts(with: "version https://git-lfs".utf8) { throw .lfsPointer(path: path) }
    do throws(JSONError) {
      return try JSONValue.parse(file.bytes, limits: limits)
    } catch {
      throw .malformed(
        path: path, format: "JSON", reason: "byte \(error.offset): \(error.reason)")
    }
  }
}
