import ResgraphFiles
import Testing

@Suite("Paths") struct PathTests {
  @Test func areJoinedAndTakenApart() {
    #expect(joinPath("", "a") == "a")
    #expect(joinPath(".", "a") == "a")
    #expect(joinPath("a/", "b") == "a/b")
    #expect(joinPath("a", "/b") == "/b")
    #expect(folderName(of: "a") == ".")
    #expect(folderName(of: "/a") == "/")
    #expect(folderName(of: "a/b/c") == "a/b")
    #expect(fileName(of: "a/b/") == "b")
    #expect(fileName(of: "/") == "/")
  }

  @Test func leadFromOneFolderToAnother() {
    #expect(relativePath(from: "/a/b", to: "/a/b") == ".")
    #expect(relativePath(from: "/a/b", to: "/a/c/d") == "../c/d")
    #expect(relativePath(from: "a/./b/../c", to: "a/d") == "../d")
    #expect(relativePath(from: "out", to: ".") == "..")
    #expect(relativePath(from: "/..", to: "/x") == "x")
  }
}
