/// The family that a port's value must have.
public enum FamilyRule: Sendable, Hashable {
  /// Any family, or none.
  case any
  /// The family of the value at the named input port.
  case same(as: String)
  /// One of the families named.
  case oneOf([String])
}

/// An input port of a node: a value made by another node.
///
/// The Swift type says how many values the port takes: `Latent` is required, `Conditioning?` may be
/// left out, `[Control]` takes a list (a single value counts as a list of one). Ports of a plain type
/// (`Int`, `Double`, `String`, `Bool`) also take a literal; prefer `@Param` for those.
/// The port's name is the property's in snake case (`textEncoder` is `text_encoder`).
///
/// ```swift
/// @Input("The denoiser; its family decides which adapters fit") var unet: UNetRecipe
/// @Input("What not to draw", family: .same(as: "unet")) var negative: Conditioning?
/// ```
///
/// Inside `run` every value is there. Inside `validate` a value that only a run can make is not
/// known yet: read `$unet.known`, which is nil then.
@propertyWrapper
public final class Input<Value: PortElement> {
  /// A sentence about the port.
  public let summary: String
  let explicitName: String?
  let family: FamilyRule
  let minimumCount: Int
  private var value: Value?
  private var connected: [any PortValue]?

  /// Declares an input port.
  ///
  /// - Parameters:
  ///   - summary: What the port is, in a sentence, with shape and range.
  ///   - name: The port's name, when it is not the property's in snake case.
  ///   - family: Which family the value must have.
  ///   - minimumCount: For lists, how many values there must be.
  public init(
    _ summary: String, name: String? = nil, family: FamilyRule = .any, minimumCount: Int = 0
  ) {
    self.summary = summary
    explicitName = name
    self.family = family
    self.minimumCount = minimumCount
  }

  /// The port's value.
  ///
  /// - Precondition: It is known: always in `run`; in `validate` ask `known` first.
  public var wrappedValue: Value {
    get {
      guard let value = value ?? Value.unconnected, connected == nil || self.value != nil else {
        preconditionFailure("input port (\(summary)) was read before its value was known")
      }
      return value
    }
    set {
      value = newValue
      connected = []
    }
  }

  /// The port itself, for `known`.
  public var projectedValue: Input<Value> { self }

  /// The port's value if it is known: nil only during validation, when a run must make it first.
  public var known: Value? { connected == nil ? Value.unconnected : value }
}

/// An input port, whatever its Swift type.
protocol AnyInput: AnyObject {
  var summary: String { get }
  var explicitName: String? { get }
  var family: FamilyRule { get }
  var minimumCount: Int { get }
  var valueType: any PortValue.Type { get }
  var arity: Arity { get }
  /// Gives the port its values; returns false when their number or type does not fit.
  func bind(_ values: [any PortValue]) -> Bool
  /// Marks the port as connected to a value that is not known before the run.
  func bindUnknown()
}

extension Input: AnyInput {
  var valueType: any PortValue.Type { Value.valueType }
  var arity: Arity { Value.arity }

  func bind(_ values: [any PortValue]) -> Bool {
    connected = values
    value = Value.assemble(values)
    return value != nil
  }

  func bindUnknown() {
    connected = []
    value = nil
  }
}
