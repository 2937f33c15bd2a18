import ResgraphFiles

/// A request for a graph: its file, values for its parameters, and folders in which files are
/// looked up.
public struct GraphRequest: Sendable {
  /// The graph file's path; also its name in messages.
  public var path: String
  /// The graph's text, when it does not come from the file (from inside a picture, say).
  public var contents: [UInt8]?
  /// The folder that the graph's relative paths start from, when it is not the file's own: a
  /// picture may lie elsewhere than the graph that it was made from.
  package var origin: String?
  /// Values given as `--set name=value`, without the flag.
  public var sets: [String]
  /// Values given as `--set-file name=@file`, without the flag.
  public var setFiles: [String]
  /// Files given as `--params-file`.
  public var paramsFiles: [String]
  /// Nodes or outputs given as `--target`; empty for all outputs.
  public var targets: [String]
  /// Folders in which files are looked up after the graph's own folder.
  public var modelPaths: [String]

  /// Makes a request.
  ///
  /// Later values win over earlier ones: parameter files, then `setFiles`, then `sets`.
  ///
  /// - Parameters:
  ///   - path: The graph file's path.
  ///   - contents: The graph's text, when it does not come from the file.
  ///   - sets: Values given as `name=value`.
  ///   - setFiles: Values given as `name=@file`.
  ///   - paramsFiles: YAML or JSON files of parameter values.
  ///   - targets: Nodes or outputs to make; empty for all outputs.
  ///   - modelPaths: Folders in which files are looked up after the graph's own folder.
  public init(
    path: String, contents: [UInt8]? = nil, sets: [String] = [], setFiles: [String] = [],
    paramsFiles: [String] = [], targets: [String] = [], modelPaths: [String] = []
  ) {
    self.path = path
    self.contents = contents
    self.sets = sets
    self.setFiles = setFiles
    self.paramsFiles = paramsFiles
    self.targets = targets
    self.modelPaths = modelPaths
  }

  /// The folder of the graph file.
  var folder: String { folderName(of: path) }

  /// The graph's name when the file gives none.
  var defaultName: String {
    let file = fileName(of: path)
    guard let dot = file.lastIndex(of: "."), dot > file.startIndex else { return file }
    return String(file[..<dot])
  }
}
