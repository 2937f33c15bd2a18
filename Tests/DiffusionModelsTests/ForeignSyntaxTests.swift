import DiffusionModels
import Testing

/// What other programs would not read as words is pointed out.
@Suite struct ForeignSyntaxTests {
  @Test(arguments: [
    ("a cat <lora:fur:0.8>, wet", "<lora:fur:0.8>"), ("<lyco:x>", "<lyco:x>"),
    ("by embedding:easy, blue", "embedding:easy"), ("a [cat:dog:0.5]", "[cat:dog:0.5]"),
    ("[[a]|b] [red|blue] car", "[red|blue]"), ("a cat AND a dog", "AND"), ("[cat:10]", "[cat:10]"),
  ])
  func spellingsAreFound(_ prompt: String, _ spelling: String) {
    #expect(ForeignSyntax.found(in: prompt).map(\.spelling) == [spelling])
  }

  @Test(arguments: [
    "a cat, [a dog], (a hat:1.2)", "x < y > z", "[note: a tree]", "SAND AND", "embedding: ", "[[[",
    "",
  ])
  func wordsAreWords(_ prompt: String) {
    #expect(ForeignSyntax.found(in: prompt).isEmpty)
  }
}
