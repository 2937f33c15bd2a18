import ResgraphFiles

/// Finds the files a graph names, and digests their contents.
public struct FileAccess: PathResolving {
  /// Folders in which relative paths are looked up, in order: the graph's, then the model paths.
  public var searchFolders: [String]
  /// The folder for files that a node writes to a relative path.
  public var writeFolder: String
  private let digester: FileDigester

  /// Makes an access to files.
  ///
  /// - Parameters:
  ///   - searchFolders: Folders in which relative paths are looked up, in order.
  ///   - writeFolder: Where relative paths to write start.
  public init(searchFolders: [String] = ["."], writeFolder: String = ".") {
    self.init(searchFolders: searchFolders, writeFolder: writeFolder, digester: .shared)
  }

  package init(
    searchFolders: [String] = ["."], writeFolder: String = ".", digester: FileDigester
  ) {
    self.searchFolders = searchFolders
    self.writeFolder = writeFolder
    self.digester = digester
  }

  /// Finds an existing file or folder.
  ///
  /// - Parameter path: The path as written; relative ones are looked up in the search folders.
  /// - Returns: The path of the existing file or folder.
  /// - Throws: `ValueMismatch` of reason `missingFile` when no such file exists.
  public func existing(_ path: String) throws -> String {
    let candidates = path.hasPrefix("/") ? [path] : searchFolders.map { joinPath($0, path) }
    if let found = candidates.first(where: { FileStatus(path: $0) != nil }) { return found }
    throw ValueMismatch(
      .missingFile, expected: "an existing file or folder", got: quoted(path),
      hint: path.hasPrefix("/") ? nil : searchHint)
  }

  /// The files as seen from the place where a path is written.
  ///
  /// - Parameter folder: The folder against which relative paths are resolved first; nil for the
  ///   graph's own.
  /// - Returns: The same files, with that folder before the others.
  public func seen(from folder: String?) -> FileAccess {
    guard let folder else { return self }
    var files = self
    files.searchFolders = [folder] + searchFolders.filter { $0 != folder }
    return files
  }

  /// Makes the path of a file that is to be written.
  ///
  /// - Parameter path: The path as written.
  /// - Returns: The path to write to.
  public func writable(_ path: String) -> String {
    path.hasPrefix("/") ? path : joinPath(writeFolder, path)
  }

  /// Digests the content of a file, or of a folder with everything below it.
  ///
  /// - Parameter path: The path of an existing file or folder.
  /// - Returns: 64 hexadecimal digits: for a file the SHA-256 of its bytes; for a folder that of its
  ///   sorted relative paths and their files' digests.
  /// - Throws: `FileError` when something cannot be read.
  public func digest(_ path: String) throws -> String { try digester.digest(path) }

  private var searchHint: String {
    let folders = searchFolders.map { $0.isEmpty ? "." : $0 }
    return "looked in " + folders.map { "`\($0)`" }.joined(separator: ", ")
  }
}
