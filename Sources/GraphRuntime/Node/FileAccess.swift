import ResgraphFiles

/// Finds the files a graph names, and digests their contents.
///
/// A relative path starts from the place where it is written: in a graph file or a parameter file
/// from that file's folder, on the command line from the current folder. What is not found there is
/// looked up in the model folders (`--model-path`, `RESGRAPH_MODEL_PATH`), in their order. A picture
/// that carries its graph says where that graph lay, relative to itself.
public struct FileAccess: PathResolving {
  /// Folders in which relative paths of the graph are looked up first, in order.
  public var searchFolders: [String]
  /// Folders in which every relative path is looked up after that.
  public var modelPaths: [String] = []
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
    if let found = find(path) { return found }
    throw ValueMismatch(
      .missingFile, expected: "an existing file or folder", got: quoted(path), hint: hint(for: path)
    )
  }

  /// The path of an existing file or folder, nil when there is none.
  func find(_ path: String) -> String? {
    let folders = searchFolders + modelPaths
    let candidates = path.hasPrefix("/") ? [path] : folders.map { joinPath($0, path) }
    return candidates.first { FileStatus(path: $0) != nil }
  }

  /// The files as seen from the place where a path is written.
  ///
  /// - Parameter folder: The folder from which relative paths start; nil for the graph's own.
  /// - Returns: The same files, with that folder in place of the graph's.
  public func seen(from folder: String?) -> FileAccess {
    guard let folder else { return self }
    var files = self
    files.searchFolders = [folder]
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

  private func hint(for path: String) -> String? {
    if path == "~" || path.hasPrefix("~/") {
      return "`~` is a word of the shell, which leaves it alone here: write `$HOME` on the command "
        + "line, or the whole path"
    }
    if path.hasPrefix("/") { return nil }
    let folders = (searchFolders + modelPaths).map { $0.isEmpty ? "." : $0 }
    let looked = "looked in " + folders.map { "`\($0)`" }.joined(separator: ", ")
    return modelPaths.isEmpty ? looked + "; --model-path DIR adds a folder to look in" : looked
  }
}
