import Testing

/// What a user of the library sees is explained, and nothing in it can crash on purpose.
@Suite struct DocumentationTests {
  /// Comments that say nothing.
  private static let fillers: Set<String> = [
    "Unused.", "Ignored.", "Nothing.", "None.", "A number.", "A value.", "A text.", "See above.",
    "The value.", "The name.", "The description.", "Description.",
  ]

  /// Requirements of the standard library's protocols, which are documented there.
  private static let standard: Set<String> = [
    "description", "debugDescription", "errorDescription", "hash", "encode", "init", "next",
    "makeIterator", "makeAsyncIterator", "==", "<", "rawValue", "id", "testDescription",
  ]

  nonisolated(unsafe) private static let declaration =
    /^\s*(?:@\S+\s+)*public\s+(?:[a-z]+(?:\(set\))?\s+)*?(?:func|var|let|init|struct|class|enum|protocol|actor|typealias|subscript|case|associatedtype|static)\b\s*([^\s(<:{]*)/

  nonisolated(unsafe) private static let requirement = /\b(?:func|var)\s+([^\s(<:]+)/

  /// Names that a protocol of the project requires: the protocol documents them.
  private func requirements(_ sources: [SourceText]) -> Set<String> {
    var names: Set<String> = []
    for source in sources {
      var depth: Int?
      var level = 0
      for line in source.code {
        if depth == nil, line.contains("protocol "), line.contains("{") { depth = level }
        if depth != nil, let match = line.firstMatch(of: Self.requirement) {
          names.insert(String(match.output.1))
        }
        level += SourceText.braces(line)
        if let start = depth, level <= start { depth = nil }
      }
    }
    return names
  }

  /// The last line above a declaration that is no attribute.
  private func lineAbove(_ index: Int, in lines: [String]) -> String {
    var above = index - 1
    while above >= 0, lines[above].contains(/^\s*@/) { above -= 1 }
    return above < 0 ? "" : String(lines[above].drop { $0 == " " })
  }

  @Test func publicDeclarationsAreDocumented() throws {
    let sources = try SourceTree.sources.get()
    let witnesses = requirements(sources.map(\.source)).union(Self.standard)
    var count = 0
    var bare: [String] = []
    for (file, source) in sources {
      for (index, line) in source.code.enumerated() where line.contains("public ") {
        guard let match = line.firstMatch(of: Self.declaration) else { continue }
        count += 1
        let name = match.output.1.isEmpty ? "init" : String(match.output.1)
        if lineAbove(index, in: source.lines).hasPrefix("///") || witnesses.contains(name) {
          continue
        }
        bare.append("\(file.name) \(name)")
      }
    }
    #expect(count > 500)
    KnownExceptions.undocumented.check(bare)
  }

  @Test func documentationSaysSomething() throws {
    var found: [String] = []
    for (file, source) in try SourceTree.sources.get() {
      for line in source.lines {
        let text = line.drop { $0 == " " }
        guard text.hasPrefix("/// ") else { continue }
        let comment = String(text.dropFirst(4))
        if Self.fillers.contains(comment) { found.append("\(file.name): \(comment)") }
      }
    }
    KnownExceptions.fillers.check(found)
  }

  @Test(arguments: ["try!", "fatalError(", " as! "])
  func sourcesDoNotCrashOnPurpose(_ word: String) throws {
    for (file, source) in try SourceTree.sources.get() {
      for (index, line) in source.code.enumerated() {
        #expect(!line.contains(word), "\(file.path):\(index + 1): \(word)")
      }
    }
  }
}
