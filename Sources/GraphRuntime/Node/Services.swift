/// Objects that nodes share and of which the engine knows nothing, such as a model store.
///
/// The caller of a run adds them, and nodes find them by type.
public struct Services: Sendable {
  private var objects: [ObjectIdentifier: any Sendable] = [:]

  /// Makes an empty set.
  public init() {}

  /// Adds or replaces the object of a type.
  ///
  /// - Parameters:
  ///   - service: The object.
  ///   - type: The type that nodes ask for.
  public mutating func add<Service: Sendable>(
    _ service: Service, as type: Service.Type = Service.self
  ) {
    objects[ObjectIdentifier(type)] = service
  }

  /// The object of a type, nil when there is none.
  ///
  /// - Parameter type: The type under which it was added.
  /// - Returns: The object.
  public func find<Service: Sendable>(_ type: Service.Type) -> Service? {
    objects[ObjectIdentifier(type)] as? Service
  }

  /// The object of a type.
  ///
  /// - Parameter type: The type under which it was added.
  /// - Returns: The object.
  /// - Throws: `MissingService` when there is none.
  public func require<Service: Sendable>(_ type: Service.Type) throws -> Service {
    guard let service = find(type) else {
      throw MissingService(typeName: String(describing: type))
    }
    return service
  }
}

/// A node asked for a service that the run does not have.
///
/// This is a defect of the program, not of a graph.
public struct MissingService: ExitStatusError, Hashable {
  /// The Swift type asked for.
  public var typeName: String
  /// `internalError`.
  public var exitStatus: ExitStatus { .internalError }
}
