/// A parameter of a node: a plain value, usually written into the graph as a literal.
///
/// A parameter with an initial value has that as its default. One of an optional type may be left
/// out. Any other is required. A parameter may also take a plain output by a reference
/// `$node.port`. Its name is the property's in snake case.
///
/// ```swift
/// @Param("Denoising steps", min: 1, max: 1000) var steps = 25
/// @Param("Width in pixels", min: 64, multipleOf: 8) var width: Int
/// @Param("Folder or file of the adapter") var path: InputPath
/// ```
///
/// Only `contentDigests` may meet a parameter whose value is not known yet: read `$path.known` there.
@propertyWrapper
public final class Param<Value: ParamValue> {
  /// A sentence about the parameter, with its unit.
  public let summary: String
  let explicitName: String?
  let limits: ParamLimits
  let defaultValue: Value?
  private var value: Value?
  private var isUnknown = false

  /// Declares a parameter with a default.
  ///
  /// - Parameters:
  ///   - wrappedValue: The default.
  ///   - summary: A sentence about the parameter, with its unit.
  ///   - name: The name, when it is not the property's in snake case.
  ///   - min: The smallest number allowed.
  ///   - max: The largest number allowed.
  ///   - multipleOf: The number must be a multiple of this.
  public init(
    wrappedValue: Value, _ summary: String, name: String? = nil, min: Double? = nil,
    max: Double? = nil, multipleOf: Int? = nil
  ) {
    self.summary = summary
    explicitName = name
    limits = ParamLimits(min: min, max: max, multipleOf: multipleOf)
    defaultValue = wrappedValue
  }

  /// Declares a parameter without a default: required, unless its type is optional or a list.
  ///
  /// - Parameters:
  ///   - summary: A sentence about the parameter, with its unit.
  ///   - name: The name, when it is not the property's in snake case.
  ///   - min: The smallest number allowed.
  ///   - max: The largest number allowed.
  ///   - multipleOf: The number must be a multiple of this.
  public init(
    _ summary: String, name: String? = nil, min: Double? = nil, max: Double? = nil,
    multipleOf: Int? = nil
  ) {
    self.summary = summary
    explicitName = name
    limits = ParamLimits(min: min, max: max, multipleOf: multipleOf)
    defaultValue = Value.absent
  }

  /// The parameter's value.
  ///
  /// - Precondition: It is known: always in `run` and `validate`; in `contentDigests` ask `known`.
  public var wrappedValue: Value {
    get {
      guard let known else {
        preconditionFailure("parameter (\(summary)) was read before its value was known")
      }
      return known
    }
    set {
      value = newValue
      isUnknown = false
    }
  }

  /// The parameter itself, for `known`.
  public var projectedValue: Param<Value> { self }

  /// The value if it is known: nil only during validation, when a run must make it first.
  public var known: Value? { isUnknown ? nil : value ?? defaultValue }
}

/// A parameter, whatever its Swift type.
protocol AnyParam: AnyObject {
  var summary: String { get }
  var explicitName: String? { get }
  var limits: ParamLimits { get }
  var kind: ParamKind { get }
  var defaultLiteral: Literal? { get }
  /// The value in canonical form; nil when it is not known.
  var effectiveLiteral: Literal? { get }
  /// The files that the value names.
  var inputPaths: [InputPath] { get }
  /// Checks and takes a plain value.
  func bind(_ literal: Literal, paths: any PathResolving) throws
  /// Says that the value comes from a node that has not run.
  func bindUnknown()
}

extension Param: AnyParam {
  var kind: ParamKind { Value.kind }
  var defaultLiteral: Literal? { defaultValue?.literal }
  var effectiveLiteral: Literal? { known?.literal }

  var inputPaths: [InputPath] {
    guard let known else { return [] }
    if let path = known as? InputPath { return [path] }
    return known as? [InputPath] ?? []
  }

  func bind(_ literal: Literal, paths: any PathResolving) throws {
    let converted = try Value(literal: literal, paths: paths)
    try limits.check(literal)
    wrappedValue = converted
  }

  func bindUnknown() {
    value = nil
    isUnknown = true
  }
}
