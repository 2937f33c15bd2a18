/// A page in Markdown that describes node types, made from their declarations.
public struct NodeReference: Sendable {
  /// The types, in the order of the page.
  private let schemas: [NodeSchema]

  /// Describes the node types of a catalog.
  ///
  /// - Parameter catalog: The catalog.
  public init(catalog: NodeCatalog) { schemas = catalog.schemas }

  /// The page, without a line break at its end: a list of all types, then a section for each.
  public var markdown: String {
    let listing = schemas.map { "- [\($0.name)](#\($0.name.lowercased())): \($0.firstSentence)" }
    let head = ["# Node types", "", Self.introduction, ""]
    return (head + listing + schemas.flatMap(section)).joined(separator: "\n")
  }

  private static let introduction = """
    This page is written by `resgraph nodes --markdown` from the declarations of the node types; `resgraph node NAME`
    prints the same about one type. A `?` marks an input that may be left out, brackets a list of values, and a
    value in parentheses is a default.
    """

  private func section(_ schema: NodeSchema) -> [String] {
    let facts = "Version \(schema.version), \(schema.resources.rawValue)."
    return ["", "## \(schema.name)", "", Self.escaped(schema.summary), "", facts]
      + Self.table("Input", schema.inputs.map { ($0.name, $0.typeText, $0.summary) })
      + Self.table("Parameter", schema.params.map { ($0.name, $0.typeText, $0.summary) })
      + Self.table("Output", schema.outputs.map { ($0.name, $0.typeText, $0.summary) })
  }

  private static func table(
    _ title: String, _ rows: [(name: String, type: String, summary: String)]
  ) -> [String] {
    if rows.isEmpty { return [] }
    return ["", "| \(title) | Type | |", "|---|---|---|"]
      + rows.map { "| `\($0.name)` | \(escaped($0.type)) | \(escaped($0.summary)) |" }
  }

  /// Text in which angle brackets and vertical bars are themselves, not tags and borders of cells.
  private static func escaped(_ text: String) -> String {
    text.replacing("|", with: "\\|").replacing("<", with: "&lt;")
  }
}

extension NodeSchema {
  /// The summary up to the end of its first sentence, or all of it.
  fileprivate var firstSentence: String {
    summary.firstRange(of: ". ").map { summary[..<$0.lowerBound] + "." } ?? summary
  }
}
