public import GraphRuntime
import TensorRuntime

/// What a program sets up before it runs graphs.
public struct Engine: Sendable {
  /// The node types.
  public let catalog: NodeCatalog
  /// The models that nodes share.
  public let models: ModelStore
  /// Files, services and settings of runs.
  public let environment: RunEnvironment

  /// Sets up an engine.
  ///
  /// - Parameters:
  ///   - threads: Threads of every computation; nil for all cores this process may use.
  ///   - memoryBytes: The memory that a run may take; nil for what the machine allows.
  ///   - cancellation: Stops runs.
  /// - Throws: `CatalogError`, which is a defect of the program.
  public init(
    threads: Int? = nil, memoryBytes: Int? = nil,
    cancellation: CancellationToken = CancellationToken()
  ) throws {
    if let threads { Parallel.threadCount = threads }
    catalog = try NodeCatalog.standard()
    // Activations, latents and the program itself need their share.
    models = ModelStore(budgetBytes: (memoryBytes ?? MachineMemory.current.usable) / 10 * 7)
    var environment = RunEnvironment(files: FileAccess(), cancellation: cancellation)
    environment.services.add(models)
    self.environment = environment
  }

  /// Validates graphs whose outputs can be written as files.
  public var validator: GraphValidator {
    GraphValidator(
      catalog: catalog, environment: environment, outputTypes: Set(OutputWriter.writableTypes))
  }

  /// The most memory that tensors have taken so far, in bytes.
  public static var peakTensorBytes: Int { MemoryPool.peakBytes }

  /// Settings of the environment that could not be followed.
  public static var environmentProblems: [String] { RuntimeInfo.environmentProblems }
}
