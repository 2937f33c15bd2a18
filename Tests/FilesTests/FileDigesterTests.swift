import Foundation
import Testing

@testable import ResgraphFiles

/// Digests of files and folders, and how often a file is read for them.
@Suite("File digests") struct FileDigesterTests {
  private struct Stop: Error {}

  /// A digest, and in how many pieces the file was read for it.
  private func counted(_ digest: () throws -> String) throws -> (digest: String, reads: Int) {
    nonisolated(unsafe) var count = 0
    let digest = try FileDigester.checking({ count += 1 }, digest)
    return (digest, count)
  }

  @Test func aFileIsReadOnceForAllItsNames() throws {
    let folder = try TestFolder()
    let path = try folder.write("a", [UInt8](repeating: 7, count: 3 << 20))
    try FileManager.default.linkItem(atPath: path, toPath: folder.path + "/b")
    let digester = FileDigester()
    let first = try counted { try digester.digest(path) }
    // Three megabytes, and the end.
    #expect(first.reads == 4)
    #expect(try counted { try digester.digest(folder.path + "/b") } == (first.digest, 0))
    #expect(try counted { try digester.digest(of: OpenFile(path)) } == (first.digest, 0))
    try folder.write("a", [UInt8](repeating: 7, count: 3 << 20) + [7])
    let second = try counted { try digester.digest(path) }
    #expect(second.reads == 5 && second.digest != first.digest)
  }

  @Test func stopsWhenItIsTold() throws {
    let folder = try TestFolder()
    let path = try folder.write("a", [UInt8](repeating: 7, count: 3 << 20))
    let digester = FileDigester()
    #expect(throws: Stop.self) {
      try FileDigester.checking(
        { throw Stop() }, { try digester.digest(folder.path) })
    }
    #expect(try digester.digest(path).count == 64)
  }

  @Test func aChangeWhileReadingIsAnError() throws {
    let folder = try TestFolder()
    let path = try folder.write("a", [UInt8](repeating: 7, count: 3 << 20))
    let digester = FileDigester()
    #expect(throws: FileError("read", path, .changed)) {
      try FileDigester.checking(
        { _ = truncate(path, 100) }, { try digester.digest(path) })
    }
  }

  @Test func theBytesThatAreOpenAreDigested() throws {
    let folder = try TestFolder()
    let path = try folder.write("a", "abc")
    let file = try OpenFile(path)
    let other = try folder.write("b", "abd")
    try #require(rename(other, path) == 0)
    let digester = FileDigester()
    #expect(
      try digester.digest(of: file)
        == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    #expect(try digester.digest(path) != digester.digest(of: file))
  }

  @Test func whatIsNoFileIsRefusedOrLeftOut() throws {
    let folder = try TestFolder()
    try folder.write("m/a", "1")
    let digester = FileDigester()
    let before = try digester.digest(folder.path + "/m")
    let pipe = try folder.pipe("m/pipe")
    try FileManager.default.createSymbolicLink(
      atPath: folder.path + "/m/endless", withDestinationPath: "/dev/zero")
    #expect(try digester.digest(folder.path + "/m") == before)
    #expect(throws: FileError("open", pipe, .notAFile(.pipe))) { try digester.digest(pipe) }
    #expect(throws: FileError("open", "/dev/zero", .notAFile(.device))) {
      try digester.digest("/dev/zero")
    }
  }

  @Test func linkedFoldersAreReadOnceAndCirclesRefused() throws {
    let folder = try TestFolder()
    try folder.write("m/0/file", [UInt8](repeating: 1, count: 10))
    // Each folder holds the one before twice: 2^40 ways down.
    for level in 1...40 {
      let path = "\(folder.path)/m/\(level)"
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
      for name in ["a", "b"] {
        try FileManager.default.createSymbolicLink(
          atPath: "\(path)/\(name)", withDestinationPath: "../\(level - 1)")
      }
    }
    let digester = FileDigester()
    #expect(try digester.digest(folder.path + "/m").count == 64)
    try FileManager.default.createSymbolicLink(
      atPath: folder.path + "/m/0/loop", withDestinationPath: "../../m")
    #expect(throws: FileError.self) { try digester.digest(folder.path + "/m") }
  }

  @Test func foldersInACircleAreRefused() throws {
    let folder = try TestFolder()
    try folder.write("m/a", "1")
    try FileManager.default.createSymbolicLink(
      atPath: folder.path + "/m/loop", withDestinationPath: ".")
    #expect(throws: FileError.self) { try FileDigester().digest(folder.path + "/m") }
  }

  @Test func digestsOfFoldersFollowNamesAndContents() throws {
    func digest(_ entries: [(String, String)]) throws -> String {
      let folder = try TestFolder()
      for (name, text) in entries { try folder.write("m/" + name, text) }
      return try FileDigester().digest(folder.path + "/m")
    }
    let base = try digest([("a", "1"), ("b/c", "2")])
    #expect(try digest([("b/c", "2"), ("a", "1"), (".hidden", "3")]) == base)
    #expect(try digest([("a", "2"), ("b/c", "2")]) != base)
    #expect(try digest([("a", "1"), ("b/d", "2")]) != base)
    #expect(try digest([("a", "1"), ("bc", "2")]) != base)
    #expect(try digest([("a", "1")]) != base)
  }
}
