/// Gives the ports of an instance their values.
struct PortBinder {
  /// Finds files named by literals.
  let files: FileAccess
  /// The value of a node's output, nil when it is not known yet.
  let value: (_ node: String, _ port: String) -> (any PortValue)?

  /// A value that a port does not take.
  struct Problem: Error {
    let port: String
    let mismatch: ValueMismatch
    let range: SourceRange
    let param: String?
  }

  /// The result of binding an instance.
  struct Result {
    var problems: [Problem] = []
    /// Whether every port has a value.
    var isComplete = true
    /// Whether a parameter takes the output of a node that has not run.
    var hasUnknownParam = false
  }

  /// Binds every port that the node gives a value.
  ///
  /// - Parameters:
  ///   - instance: A fresh instance of the node's type.
  ///   - node: The node.
  /// - Returns: What does not fit, and whether all values are known.
  func bind(_ instance: NodeInstance, _ node: ResolvedNode) -> Result {
    var result = Result()
    for input in instance.inputs {
      guard let binding = node.bindings[input.name] else { continue }
      do {
        guard let values = try inputValues(binding, port: input) else {
          input.port.bindUnknown()
          result.isComplete = false
          continue
        }
        if !input.port.bind(values) {
          let found = values.map { $0.fullTypeName }.joined(separator: ", ")
          throw Problem(
            port: input.name,
            mismatch: ValueMismatch(
              .wrongType, expected: input.port.valueType.typeName, got: found),
            range: binding.range, param: nil)
        }
      } catch {
        record(error, in: &result)
      }
    }
    for param in instance.params {
      guard let binding = node.bindings[param.name] else { continue }
      do {
        guard let (literal, origin) = try paramValue(binding, port: param.name) else {
          param.port.bindUnknown()
          result.isComplete = false
          result.hasUnknownParam = true
          continue
        }
        do {
          try param.port.bind(literal, paths: files.seen(from: origin.folder))
        } catch {
          // A parameter type of a node may throw any error.
          let mismatch =
            error as? ValueMismatch
            ?? ValueMismatch(
              .wrongType, expected: param.port.kind.description, got: String(describing: error))
          throw Problem(
            port: param.name, mismatch: mismatch, range: origin.range, param: origin.param)
        }
      } catch {
        record(error, in: &result)
      }
    }
    return result
  }

  private func record(_ error: any Error, in result: inout Result) {
    guard let problem = error as? Problem else {
      preconditionFailure("binding throws nothing else: \(error)")
    }
    result.problems.append(problem)
    result.isComplete = false
  }

  private func inputValues(
    _ binding: PortBinding, port: Named<any AnyInput>
  ) throws -> [any PortValue]? {
    switch binding {
    case .output(let node, let output, _): return value(node, output).map { [$0] }
    case .list(let items, _):
      var values: [any PortValue] = []
      for item in items {
        guard let value = try inputValues(item, port: port) else { return nil }
        values += value
      }
      return values
    case .literal(let literal, let origin):
      guard let type = port.port.valueType as? any (PortValue & ParamValue).Type else { return [] }
      let literals: [Literal] = if case .list(let items) = literal { items } else { [literal] }
      do {
        return try literals.map {
          try type.init(literal: $0, paths: files.seen(from: origin.folder))
        }
      } catch {
        let mismatch =
          error as? ValueMismatch
          ?? ValueMismatch(
            .wrongType, expected: port.port.valueType.typeName, got: String(describing: error))
        throw Problem(
          port: port.name, mismatch: mismatch, range: origin.range, param: origin.param)
      }
    }
  }

  private func paramValue(
    _ binding: PortBinding, port: String
  ) throws -> (Literal, ValueOrigin)? {
    switch binding {
    case .literal(let literal, let origin): return (literal, origin)
    case .output(let node, let output, let range):
      guard let found = value(node, output) else { return nil }
      guard let scalar = found as? any ScalarPortValue else {
        throw Problem(
          port: port,
          mismatch: ValueMismatch(.wrongType, expected: "a plain value", got: found.fullTypeName),
          range: range, param: nil)
      }
      // Paths that nodes make are relative to the current folder.
      return (scalar.literal, ValueOrigin(range: range, folder: "."))
    case .list(let items, let range):
      var literals: [Literal] = []
      var origin = ValueOrigin(range: range)
      for item in items {
        guard let (literal, itemOrigin) = try paramValue(item, port: port) else { return nil }
        literals.append(literal)
        origin.folder = origin.folder ?? itemOrigin.folder
      }
      return (.list(literals), origin)
    }
  }
}
