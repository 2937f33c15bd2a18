/// The declaration of a node type as data, for documentation, the JSON Schema and tools.
public struct NodeSchema: Sendable, Hashable, Encodable {
  /// The name graphs use in `type:`.
  public var name: String
  /// The version, which is part of the cache key.
  public var version: Int
  /// What the node does.
  public var summary: String
  /// How the node uses the machine.
  public var resources: ResourceClass
  /// Whether equal inputs give equal outputs.
  public var isPure: Bool
  /// Input ports in order of declaration.
  public var inputs: [InputSchema]
  /// Parameters in order of declaration.
  public var params: [ParamSchema]
  /// Output ports in order of declaration.
  public var outputs: [OutputSchema]

  /// An input port.
  public struct InputSchema: Sendable, Hashable, Encodable {
    /// The port's name.
    public var name: String
    /// The port type's name.
    public var type: String
    /// How many values it takes.
    public var arity: Arity
    /// For lists, how many values there must be.
    public var minimumCount: Int
    /// Which family is taken, in words; nil when any.
    public var family: String?
    /// Whether a literal may stand there.
    public var acceptsLiteral: Bool
    /// What the port is.
    public var summary: String
  }

  /// A parameter.
  public struct ParamSchema: Sendable, Hashable {
    /// The parameter's name.
    public var name: String
    /// The kind of value.
    public var kind: ParamKind
    /// The range of a number.
    public var limits: ParamLimits
    /// Whether it must be given.
    public var isRequired: Bool
    /// The default as a graph would write it; nil when there is none.
    public var defaultValue: String?
    /// What the parameter does.
    public var summary: String
  }

  /// An output port.
  public struct OutputSchema: Sendable, Hashable, Encodable {
    /// The port's name.
    public var name: String
    /// The port type's name.
    public var type: String
    /// Where the family comes from, in words; nil when there is none or only the run tells.
    public var family: String?
    /// What the port is.
    public var summary: String
  }

  /// All names that a node of this type may have in a graph, parameters and inputs.
  public var portNames: [String] { inputs.map(\.name) + params.map(\.name) }
}

extension NodeSchema.ParamSchema: Encodable {
  private enum Keys: String, CodingKey {
    case name
    case type
    case choices
    case limits
    case isRequired
    case defaultValue
    case summary
  }

  /// Writes the kind in words under `type`, and the words of a choice under `choices`.
  public func encode(to encoder: any Encoder) throws {
    var object = encoder.container(keyedBy: Keys.self)
    try object.encode(name, forKey: .name)
    try object.encode(kind.description, forKey: .type)
    if case .choice(let words) = kind { try object.encode(words, forKey: .choices) }
    try object.encode(limits, forKey: .limits)
    try object.encode(isRequired, forKey: .isRequired)
    try object.encodeIfPresent(defaultValue, forKey: .defaultValue)
    try object.encode(summary, forKey: .summary)
  }
}

extension FamilyRule {
  /// The rule in words, nil for none.
  var schemaText: String? {
    switch self {
    case .any: nil
    case .same(let port): "as \(port)"
    case .oneOf(let families): families.joined(separator: ", ")
    }
  }
}

extension NodeSchema {
  /// The widest left column of a page.
  private static let columnLimit = 44

  /// The declaration as a page of text: what `resgraph node NAME` prints.
  public var documentation: String {
    var lines = ["\(name) (version \(version), \(resources.rawValue))", "", summary, ""]
    func section(_ title: String, _ rows: [(String, String)]) {
      guard !rows.isEmpty else { return }
      lines.append("\(title):")
      // A long list of choices must not widen the column of all rows.
      let width = rows.map(\.0.count).filter { $0 <= Self.columnLimit }.max() ?? 0
      for (left, right) in rows {
        if left.count <= width {
          lines.append("  " + left + String(repeating: " ", count: width - left.count + 2) + right)
        } else {
          lines.append("  " + left)
          lines.append(String(repeating: " ", count: width + 4) + right)
        }
      }
      lines.append("")
    }
    section("inputs", inputs.map { ("\($0.name): \($0.typeText)", $0.summary) })
    section("parameters", params.map { ("\($0.name): \($0.typeText)", $0.summary) })
    section("outputs", outputs.map { ("\($0.name): \($0.typeText)", $0.summary) })
    return lines.dropLast().joined(separator: "\n") + "\n"
  }
}

extension NodeSchema.InputSchema {
  /// `Latent`, `Conditioning?`, `[Control]`, with the family rule in angle brackets.
  var typeText: String {
    let full = family.map { "\(type)<\($0)>" } ?? type
    return switch arity {
    case .required: full
    case .optional: full + "?"
    case .list: "[\(full)]" + (minimumCount > 0 ? " (at least \(minimumCount))" : "")
    }
  }
}

extension NodeSchema.ParamSchema {
  /// The kind with range and default: `int, 1 to 1000 (25)`.
  var typeText: String {
    var text = kind.description
    if let range = limits.description { text += ", \(range)" }
    guard let defaultValue else { return text + ", required" }
    if defaultValue == "null" { return text + "?" }
    // A word of a choice needs no quotes. A text has them, so that an empty one can be seen.
    let isWord = kind != .string && defaultValue.hasPrefix("\"")
    return text + " (\(isWord ? String(defaultValue.dropFirst().dropLast()) : defaultValue))"
  }
}

extension NodeSchema.OutputSchema {
  /// `UNet<as unet>`.
  var typeText: String { family.map { "\(type)<\($0)>" } ?? type }
}
