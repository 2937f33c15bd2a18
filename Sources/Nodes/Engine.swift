@_exported public import GraphRuntime
import TensorRuntime

/// Checks, plans and runs graphs: the door of the library.
///
/// ```swift
/// let engine = try Engine()
/// let request = GraphRequest(path: "graphs/text-to-image.yaml", sets: ["seed=7"])
/// let files = try engine.run(request, into: "out").outputs.flatMap(\.paths)
/// ```
///
/// Runs of one engine share its models. Every run uses all threads, so that runs one after another
/// are as fast as runs at the same time, and need less memory.
public struct Engine: Sendable {
  /// The node types.
  public let catalog: NodeCatalog
  /// The models that nodes share.
  package let models: ModelStore
  /// Files, services and settings of runs.
  package private(set) var environment: RunEnvironment
  let memory: EngineMemory
  private let memoryBytes: Int?

  /// Sets up an engine.
  ///
  /// - Parameters:
  ///   - threads: Threads of every computation of this process; nil for all cores it may use.
  ///   - memoryBytes: The memory that a run may take; nil for what the machine allows.
  ///   - cache: Where results are kept between processes; nil to keep some in memory, for the runs of
  ///     this engine.
  ///   - cancellation: Stops runs.
  /// - Throws: `CatalogError`, which is a defect of the program.
  public init(
    threads: Int? = nil, memoryBytes: Int? = nil, cache: CacheOptions? = nil,
    cancellation: CancellationToken = CancellationToken()
  ) throws {
    if let threads { Parallel.threadCount = threads }
    self.memoryBytes = memoryBytes
    catalog = try NodeCatalog.standard()
    // The rest is for activations, latents and the program itself.
    let usable = memoryBytes ?? MachineMemory.current.usable
    models = ModelStore(budgetBytes: usable / 10 * 7)
    memory = EngineMemory(cache, usableBytes: usable)
    var environment = RunEnvironment(
      files: FileAccess(), snapshots: memory.snapshots, cancellation: cancellation,
      numericMode: NumericMode.current)
    environment.services.add(models)
    self.environment = environment
  }

  /// The same engine, whose runs stop by a token.
  func stopped(by token: CancellationToken) -> Engine {
    var engine = self
    engine.environment.cancellation = token
    return engine
  }

  /// Reads and checks a graph; of models only file headers are read.
  ///
  /// - Parameter request: The graph file, or a PNG that this engine wrote, and parameter values.
  /// - Returns: The graph, ready to be planned; warnings are in its `diagnostics`.
  /// - Throws: `Diagnostics` with everything that is wrong; `FileError` when the graph file cannot
  ///   be read; `NodeError` for a picture without a graph; `RunCancelled`.
  public func validate(_ request: GraphRequest) throws -> ValidatedGraph {
    let validator = GraphValidator(
      catalog: catalog, environment: environment, outputEndings: WritableTypes.endings)
    return try validator.validate(request.readingPicture())
  }

  /// Decides what a run would do.
  ///
  /// - Parameters:
  ///   - graph: A valid graph.
  ///   - digestsFiles: Whether files that nobody has digested yet are read, however large they are, so
  ///     that the plan says whether results are there. A run digests them beside its nodes.
  /// - Returns: The nodes that run, in order, and the memory that they need.
  /// - Throws: `MemoryBudgetExceeded` when that is more than the engine may take, or than the machine
  ///   and the limits of this process can give; `NodeFailure` when a file named by a node cannot be
  ///   read; `RunCancelled`.
  public func plan(_ graph: ValidatedGraph, digestsFiles: Bool = false) throws -> Plan {
    let planner = Planner(
      cache: memory.results, history: memory.history,
      memoryBudget: memoryBytes ?? MachineMemory.current.ceiling,
      fileKeys: digestsFiles ? .contents : memory.fileKeys)
    return try planner.plan(graph)
  }

  /// The most memory that tensors have taken so far, in bytes.
  public static var peakTensorBytes: Int { MemoryPool.peakBytes }

  /// Says what happens when the system gives no memory for a tensor; without it the process traps.
  ///
  /// - Parameter handler: Receives the number of bytes that were asked for, on the thread that asked,
  ///   and ends the process.
  package static func onMemoryExhaustion(
    _ handler: @escaping @Sendable (_ byteCount: Int) -> Never
  ) { MemoryPool.onExhaustion(handler) }

  /// Settings of the environment that could not be followed.
  public static var environmentProblems: [String] { RuntimeInfo.environmentProblems }
}
