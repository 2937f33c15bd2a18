/// Where a plain value was written.
public struct ValueOrigin: Sendable {
  /// Where it stands.
  public var range: SourceRange
  /// The folder against which it is resolved first, if it is a relative path.
  public var folder: String?
  /// The graph parameter that carried it, if any.
  public var param: String?
}

/// A parameter of a graph with its value for this run.
public struct ResolvedParam: Sendable {
  /// The parameter's name.
  public var name: String
  /// The kind of its value.
  public var kind: ParamKind
  /// The value of this run: the one that was set, else the default.
  public var value: Literal
  /// Whether the value is the declared default.
  public var isDefault: Bool
  /// Where the value was written.
  public var origin: ValueOrigin
}
