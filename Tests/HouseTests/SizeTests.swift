import Foundation
import Testing

/// Files and functions stay small enough to be read at once.
@Suite struct SizeTests {
  private static let fileLimit = 400
  private static let functionLimit = 50

  private func lineCount(_ file: ProjectFile) -> Int {
    file.text.split(separator: "\n", omittingEmptySubsequences: false).count - 1
  }

  @Test func filesAreShort() throws {
    let files = try [("Sources", ".swift"), ("Tests", ".swift"), ("tools", ".py")].flatMap {
      try SourceTree.files($0, $1)
    }
    #expect(files.count > 300)
    KnownExceptions.longFiles.check(files.filter { lineCount($0) > Self.fileLimit }.map(\.name))
  }

  @Test func functionsAreShort() throws {
    let swift = try SourceTree.sources.get() + SourceTree.parsed("Tests")
    let python = try SourceTree.files("tools", ".py")
    let sizes =
      swift.flatMap { file, source in source.functions().map { (file.name, $0) } }
      + python.flatMap { file in pythonFunctions(file.text).map { (file.name, $0) } }
    #expect(sizes.count > 3_000)
    let long = sizes.filter { $1.lines > Self.functionLimit }
    KnownExceptions.longFunctions.check(long.map { "\($0) \($1.name)" })
  }

  @Test func functionsAreMeasuredFromTheirFirstLineToTheirBrace() {
    let text = """
      func short() { print("}") }
      protocol P { func required(_ x: Int) }
      struct S {
        init(
          _ x: Int = [1].map { $0 }[0]
        ) {
          /* } */
        }
      }
      """
    let sizes = SourceText(text).functions()
    #expect(sizes.map(\.name) == ["short", "init"])
    #expect(sizes.map(\.lines) == [1, 5])
    let python = "def a(\n    x,\n):\n    return 1\n\n\nclass B:\n    def b(self):\n        pass\n"
    #expect(pythonFunctions(python).map(\.lines) == [4, 2])
  }
}
