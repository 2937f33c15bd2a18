/// How a node uses the machine.
///
/// It decides which nodes may run at the same time.
public enum ResourceClass: String, Sendable, Codable {
  /// The node uses all cores. Compute nodes run one at a time.
  case compute
  /// The node waits for files or decodes them on one core. It runs beside a compute node.
  case io
  /// The node takes no time and is pure. It reads file headers at most, and makes small values such
  /// as model recipes.
  ///
  /// A light node whose inputs are all known runs while the graph is validated, and its errors are
  /// validation errors. It runs again only if one of its inputs was a prediction (see `Output`).
  case light
}

/// The memory that a node needs, as far as it knows before the run.
public struct MemoryEstimate: Sendable, Hashable, Codable {
  /// Bytes in use while the node runs, beside its inputs and outputs.
  public var workingBytes: Int
  /// Bytes of all its outputs.
  public var outputBytes: Int

  /// Makes an estimate.
  ///
  /// - Parameters:
  ///   - workingBytes: Bytes in use while the node runs, beside its inputs and outputs.
  ///   - outputBytes: Bytes of all its outputs.
  public init(workingBytes: Int, outputBytes: Int) {
    self.workingBytes = workingBytes
    self.outputBytes = outputBytes
  }
}

/// A node type.
///
/// Its declaration is the source of validation, defaults, documentation, the JSON Schema and the
/// cache key.
///
/// A conforming struct has only `@Input`, `@Param`, `@Output` and `@PortGroup` properties. An
/// instance serves one node of one run. The order of declaration is the order in documentation.
public protocol NodeType: SendableMetatype {
  /// The name graphs use in `type:`; the Swift type's name unless given.
  static var name: String { get }
  /// The version, which is part of the cache key. It must be raised when the outputs for equal
  /// inputs change.
  static var version: Int { get }
  /// What the node does, in a sentence or two.
  static var summary: String { get }
  /// How the node uses the machine.
  static var resources: ResourceClass { get }
  /// Whether equal inputs give equal outputs; false keeps results out of every cache.
  static var isPure: Bool { get }
  /// Makes a node whose ports are not connected yet.
  init()
  /// Checks what can be checked before the graph runs, such as file headers and relations between
  /// parameters.
  ///
  /// It is called once per node, after the nodes of its inputs. It is not called if one of those
  /// has an error, or if a parameter takes the output of a node that has not run; so parameters are
  /// always known here. Inputs that only a run can make are not known, and `$port.known` is nil.
  /// Outputs that are set here are predictions (see `Output`). A light node whose inputs are all
  /// known is run instead.
  ///
  /// - Parameter context: Where to report errors and warnings, files and services.
  /// - Throws: `NodeError`, or any error; it becomes a validation error at this node.
  mutating func validate(_ context: ValidationContext) throws
  /// Estimates memory, once the node has passed validation.
  ///
  /// Called after `validate` passed, or after a light node ran. Inputs may be unknown, as there.
  ///
  /// - Parameter context: Files and services.
  /// - Returns: The estimate, nil when there is none.
  func estimateMemory(_ context: ValidationContext) -> MemoryEstimate?
  /// Identifies the contents of the files that the node reads, for the cache key.
  ///
  /// A node that reads only some files of a folder lists them here; the rest of the folder then
  /// does not matter. Paths stay out of the key: name the files' roles and digests. Any port may be
  /// unknown here: read `$path.known`. The outputs of a light node that has run are set: `$unet.set`.
  ///
  /// - Parameter files: Gives digests of file contents.
  /// - Returns: One text per content; nil for the digests of all `InputPath` parameters.
  /// - Throws: Any error of reading the files.
  func contentDigests(_ files: FileAccess) throws -> [String]?
  /// Computes every output.
  ///
  /// - Parameter context: Progress, cancellation, snapshots, files and services.
  /// - Throws: `RunCancelled` from `checkCancellation`, `NodeError`, or any error.
  mutating func run(_ context: NodeContext) throws
}

extension NodeType {
  /// The Swift type's name.
  public static var name: String { String(describing: Self.self) }
  /// The first version.
  public static var version: Int { 1 }
  /// Compute.
  public static var resources: ResourceClass { .compute }
  /// Pure.
  public static var isPure: Bool { true }
  /// Checks nothing.
  public mutating func validate(_ context: ValidationContext) throws {}
  /// Gives no estimate.
  public func estimateMemory(_ context: ValidationContext) -> MemoryEstimate? { nil }
  /// Leaves it to the engine to digest the `InputPath` parameters.
  public func contentDigests(_ files: FileAccess) throws -> [String]? { nil }
}
