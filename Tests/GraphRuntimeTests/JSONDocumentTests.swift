import Testing

@testable import GraphRuntime

@Suite("JSON documents")
struct JSONDocumentTests {
  private func read(_ text: String, file: String = "g.json") -> (YAMLNode?, [Diagnostic]) {
    let result = DocumentText.read(Array(text.utf8), file: file)
    return (result.root, result.found)
  }

  @Test func acceptsGraphs() throws {
    let harness = try Harness()
    let graph = try harness.validate(
      """
      {
      \t"version": 1, "nodes": {"one": {"type": "Constant", "value": 3}},
      \t"outputs": {"x": "$one"}
      }
      """)
    #expect(graph.nodes.map(\.id) == ["one"])
  }

  @Test func readsEscapes() throws {
    let (root, found) = read(#"{"a": "\ud83d\ude00 \u00e9 \/ \\ \" \n\t\b\f\r"}"#)
    #expect(found.isEmpty)
    #expect(root?.value("a")?.literal == .string("😀 é / \\ \" \n\t\u{8}\u{C}\r"))
  }

  @Test func readsNumbers() throws {
    let (root, _) = read(#"{"a": -1.5e3, "b": 0, "c": 18446744073709551615, "d": 0.1}"#)
    #expect(root?.value("a")?.literal == .float(-1500))
    #expect(root?.value("b")?.literal == .int(0))
    #expect(root?.value("c")?.literal == .int(18_446_744_073_709_551_615))
    #expect(root?.value("d")?.literal == .float(0.1))
  }

  @Test(arguments: [
    #"{"a": "\ud83d"}"#, #"{"a": "\ude00\ud83d"}"#, #"{"a": "\u12"}"#, #"{"a": "\x41"}"#,
    #"{"a": 01}"#, #"{"a": .5}"#, #"{"a": +1}"#, #"{"a": 0x10}"#, #"{"a": nan}"#, #"{"a": 1}}"#,
    #"{"a": 1,}"#, #"{"a" 1}"#, #"{a: 1}"#, #"{"a": [1,]}"#, #"{"a": "b"#, #"{"a": tru}"#, #"{"#,
    "{\"a\": \"line\nbreak\"}", #"{"a": 'x'}"#, #"{"a": 1} {"b": 2}"#,
  ]) func refusesWhatIsNotJSON(_ text: String) throws {
    let (root, found) = read(text)
    #expect(root == nil)
    let diagnostic = try #require(found.first)
    #expect(diagnostic.code == .syntax)
    #expect(diagnostic.message.hasPrefix("not JSON: "))
  }

  @Test func fallsBackToYAMLFlowStyle() {
    let (root, found) = read("{a: 1, b: [x, y]}", file: "g.yaml")
    #expect(found.isEmpty)
    #expect(root?.value("b")?.items?.count == 2)
  }

  @Test func findsDuplicateKeys() {
    let (_, found) = read(#"{"a": 1, "b": {"c": 1, "c": 2}}"#)
    #expect(found.map(\.code) == [.duplicateKey])
    #expect(found.first?.range.start == SourcePosition(line: 1, column: 24))
  }
}
