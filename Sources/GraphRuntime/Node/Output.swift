/// An output port of a node.
///
/// `run` sets it.
///
/// ```swift
/// @Output("Image [B, 3, H, W], float32 in 0...1") var image: ImageValue
/// @Output("The denoiser with the adapter on it", family: .same(as: "unet")) var unet: UNetRecipe
/// ```
///
/// A node that has an input and an output of the same name declares the output's property under
/// another name and gives `name:` (`@Output("...", name: "unet") var adapted: UNetRecipe`).
/// Setting an output in `validate` predicts it: later nodes see the prediction while the graph is
/// validated, and never during a run.
@propertyWrapper
public final class Output<Value: PortValue> {
  /// A sentence about the port.
  public let summary: String
  let explicitName: String?
  let family: FamilyRule
  private var value: Value?

  /// Declares an output port.
  ///
  /// - Parameters:
  ///   - summary: What the port is, in a sentence, with shape and range.
  ///   - name: The port's name, when it is not the property's in snake case.
  ///   - family: The family that the value will have, as far as it is known before the run.
  public init(_ summary: String, name: String? = nil, family: FamilyRule = .any) {
    self.summary = summary
    explicitName = name
    self.family = family
  }

  /// The port's value.
  ///
  /// - Precondition: It was set before it is read.
  public var wrappedValue: Value {
    get {
      guard let value else {
        preconditionFailure("output port (\(summary)) was read before it was set")
      }
      return value
    }
    set { value = newValue }
  }

  /// The port itself, for `set`.
  public var projectedValue: Output<Value> { self }

  /// The value, nil before it is set.
  public var set: Value? { value }
}

/// An output port, whatever its Swift type.
protocol AnyOutput: AnyObject {
  var summary: String { get }
  var explicitName: String? { get }
  var family: FamilyRule { get }
  var valueType: any PortValue.Type { get }
  var current: (any PortValue)? { get }
  /// Sets the value, if it is of the port's type.
  func take(_ found: any PortValue)
}

extension Output: AnyOutput {
  var valueType: any PortValue.Type { Value.self }
  var current: (any PortValue)? { value }
  func take(_ found: any PortValue) { value = found as? Value }
}
