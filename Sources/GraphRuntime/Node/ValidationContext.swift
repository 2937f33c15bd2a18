import Synchronization

/// The things that a node may use while it is validated, and the place for its errors and warnings.
public struct ValidationContext: Sendable {
  /// The node's name in the graph, for messages.
  public let nodeID: String
  /// Paths and content digests.
  public let files: FileAccess
  /// Objects shared by nodes.
  public let services: Services
  /// The numeric mode of the run, such as `fp32`.
  public let numericMode: String
  private let findings = Findings()

  /// Describes one node's validation; tests make their own.
  ///
  /// - Parameters:
  ///   - nodeID: The node's name in the graph.
  ///   - environment: Files, services and settings.
  public init(nodeID: String, environment: RunEnvironment = RunEnvironment()) {
    self.nodeID = nodeID
    files = environment.files
    services = environment.services
    numericMode = environment.numericMode
  }

  /// Reports an error and goes on, so that one pass finds several.
  ///
  /// - Parameter error: What is wrong, and at which port.
  public func report(_ error: NodeError) { findings.errors.withLock { $0.append(error) } }

  /// Reports a warning, which does not make the graph invalid.
  ///
  /// - Parameters:
  ///   - message: A sentence without a full stop.
  ///   - port: The port it is about.
  ///   - hint: Advice.
  public func warn(_ message: String, port: String? = nil, hint: String? = nil) {
    findings.warnings.withLock { $0.append(NodeError(message, port: port, hint: hint)) }
  }

  /// Finds a shared object.
  ///
  /// - Parameter type: The type under which it was added to the services.
  /// - Returns: The object.
  /// - Throws: `MissingService` when there is none.
  public func service<Service: Sendable>(_ type: Service.Type) throws -> Service {
    try services.require(type)
  }

  /// The errors reported so far, in order.
  public var errors: [NodeError] { findings.errors.withLock { $0 } }
  /// The warnings reported so far, in order.
  public var warnings: [NodeError] { findings.warnings.withLock { $0 } }

  private final class Findings: Sendable {
    let errors = Mutex<[NodeError]>([])
    let warnings = Mutex<[NodeError]>([])
  }
}
