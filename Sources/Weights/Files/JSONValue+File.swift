public import ResgraphFiles

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
