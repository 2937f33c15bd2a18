/// Spellings that mean something in the prompts of other programs, and are words to this engine.
package struct ForeignSyntax: Sendable, Equatable {
  /// The spelling as it stands in the prompt.
  package let spelling: String
  /// What gives the effect that is meant here, or that nothing does.
  package let advice: String

  /// The longest spelling that is looked for, in characters.
  private static let reach = 200

  /// Finds the first spelling of each kind.
  ///
  /// - Parameter prompt: Any text.
  /// - Returns: The spellings, in the order of their kinds.
  package static func found(in prompt: String) -> [ForeignSyntax] {
    [network(prompt), embedding(prompt), bracket(prompt), and(prompt)].compactMap(\.self)
  }

  /// `<lora:name:0.8>` and the like.
  private static func network(_ prompt: String) -> ForeignSyntax? {
    for kind in ["lora", "lyco", "hypernet"] {
      guard let start = prompt.firstRange(of: "<\(kind):"),
        let end = prompt[start.upperBound...].prefix(reach).firstIndex(of: ">")
      else { continue }
      return ForeignSyntax(
        spelling: String(prompt[start.lowerBound...end]),
        advice: kind == "hypernet"
          ? "hypernetworks are not supported" : "a LoRA is put on by a LoRALoad node")
    }
    return nil
  }

  /// `embedding:name`.
  private static func embedding(_ prompt: String) -> ForeignSyntax? {
    guard let start = prompt.firstRange(of: "embedding:") else { return nil }
    let name = prompt[start.upperBound...].prefix(reach).prefix { !$0.isWhitespace && $0 != "," }
    guard !name.isEmpty else { return nil }
    return ForeignSyntax(
      spelling: "embedding:\(name)", advice: "prompts do not load embeddings")
  }

  /// `[a:b:0.5]`, `[a:0.5]` and `[a|b]`, which change the prompt from step to step.
  private static func bracket(_ prompt: String) -> ForeignSyntax? {
    var rest = prompt[...]
    while let open = rest.firstIndex(of: "[") {
      rest = rest[rest.index(after: open)...]
      guard let close = rest.prefix(reach).firstIndex(where: { "[]".contains($0) }),
        rest[close] == "]"
      else { continue }
      let inside = rest[..<close]
      let last = inside.split(separator: ":", omittingEmptySubsequences: false).last ?? ""
      let isTimed = inside.contains(":") && Double(last) != nil
      guard isTimed || inside.contains("|") else { continue }
      return ForeignSyntax(
        spelling: String(prompt[open...close]), advice: "a prompt is the same at all steps")
    }
    return nil
  }

  /// `AND` between prompts.
  private static func and(_ prompt: String) -> ForeignSyntax? {
    guard prompt.contains(" AND ") else { return nil }
    return ForeignSyntax(spelling: "AND", advice: "prompts are not combined by a word")
  }
}
