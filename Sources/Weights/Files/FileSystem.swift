import Glibc

/// The few questions that loaders ask about folders.
enum FileSystem {
  static func isDirectory(_ path: String) -> Bool { mode(path).map { $0 == S_IFDIR } ?? false }

  static func isRegularFile(_ path: String) -> Bool { mode(path).map { $0 == S_IFREG } ?? false }

  static func exists(_ path: String) -> Bool { mode(path) != nil }

  private static func mode(_ path: String) -> UInt32? {
    var status = stat()
    guard stat(path, &status) == 0 else { return nil }
    return status.st_mode & S_IFMT
  }

  /// The names in a folder, sorted; empty when it cannot be read.
  static func names(in folder: String) -> [String] {
    guard let handle = opendir(folder) else { return [] }
    defer { closedir(handle) }
    var names: [String] = []
    while let entry = readdir(handle) {
      let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name != "." && name != ".." { names.append(name) }
    }
    return names.sorted()
  }

  static func join(_ folder: String, _ name: String) -> String {
    folder.hasSuffix("/") ? folder + name : folder + "/" + name
  }

  /// The last component of a path.
  static func name(of path: String) -> String {
    path.split(separator: "/").last.map(String.init) ?? path
  }

  /// The folder that holds `path`.
  static func folder(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
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
