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
