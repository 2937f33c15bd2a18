/// Ports that several node types share, declared once.
///
/// A group is a struct of `@Input`, `@Param` and `@Output` properties, and possibly of further
/// groups. Its ports have the names, and in listings the place, that they would have if the node
/// type declared them itself.
///
/// ```swift
/// struct PictureSize {
///   @Param("Width in pixels", min: 8) var width: Int
///   @Param("Height in pixels", min: 8) var height: Int
/// }
///
/// struct Blank: NodeType {
///   @PortGroup var size = PictureSize()
///   @Output("A blank picture") var image: Image
/// }
/// ```
@propertyWrapper
public struct PortGroup<Group> {
  /// The group.
  public let wrappedValue: Group

  /// Declares a group of ports.
  ///
  /// - Parameter wrappedValue: The group; one with an initializer of its own can give each node
  ///   type other defaults.
  public init(wrappedValue: Group) { self.wrappedValue = wrappedValue }
}

/// A group of ports, whatever its Swift type.
protocol AnyPortGroup {
  var group: Any { get }
}

extension PortGroup: AnyPortGroup {
  var group: Any { wrappedValue }
}
