import Foundation
import ResgraphFiles
import Testing

/// Readers see the old content or the new, and failures leave nothing behind.
@Suite("Atomic files") struct AtomicFileTests {
  @Test func writesInOnePiece() throws {
    let folder = try TestFolder()
    let path = folder.path + "/a/b/c.txt"
    try AtomicFile.write(Array("first".utf8), to: path)
    try AtomicFile.write(to: path) { writer in
      try writer.write(Array("sec".utf8))
      #expect(try folder.read("a/b/c.txt") == "first")
      try writer.write(Array("ond".utf8))
    }
    #expect(try folder.read("a/b/c.txt") == "second")
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path + "/a/b") == ["c.txt"])
  }

  @Test func aFailedWriteLeavesNothing() throws {
    struct Stop: Error {}
    let folder = try TestFolder()
    let path = folder.path + "/c.txt"
    try AtomicFile.write([1], to: path)
    #expect(throws: Stop.self) {
      try AtomicFile.write(to: path) { writer in
        try writer.write([2, 3])
        throw Stop()
      }
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["c.txt"])
    #expect(FileManager.default.contents(atPath: path) == Data([1]))
  }

  @Test func refusalsKeepTheirReason() throws {
    let folder = try TestFolder()
    try folder.write("file", "x")
    #expect(throws: FileError("make the folder", folder.path + "/file", code: EEXIST)) {
      try AtomicFile.write([1], to: folder.path + "/file/inside")
    }
    #expect(throws: FileError.self) { try AtomicFile.write([1], to: "/proc/nothing/x") }
    try AtomicFile.makeFolder(folder.path + "/x/y")
    #expect(throws: FileError("write", folder.path + "/x", code: EISDIR)) {
      try AtomicFile.write([1], to: folder.path + "/x")
    }
    #expect(
      "\(FileError("open", "a \"b\"", code: ENOENT))"
        == #"cannot open "a \"b\"": No such file or directory"#)
  }

  @Test func whatCouldNotBeWrittenIsFoundWithoutWriting() throws {
    let folder = try TestFolder()
    try AtomicFile.check(folder.path + "/a/b/c.png")
    #expect(!FileManager.default.fileExists(atPath: folder.path + "/a"), "made for the check alone")
    try AtomicFile.makeFolder(folder.path + "/a")
    try folder.write("b.png", "x")
    try AtomicFile.check(folder.path + "/b.png")
    #expect(try folder.read("b.png") == "x")
    #expect(throws: FileError.self) { try AtomicFile.check(folder.path + "/b.png/c.png") }
    #expect(throws: FileError.self) { try AtomicFile.check(folder.path + "/a") }
    #expect(throws: FileError.self) { try AtomicFile.check("/proc/x/y.png") }
  }

  @Test func whatIsNoFileIsNotReplaced() throws {
    let folder = try TestFolder()
    let pipe = try folder.pipe("pipe")
    #expect(throws: FileError("write", pipe, .notAFile(.pipe))) {
      try AtomicFile.write([1], to: pipe)
    }
    #expect(throws: FileError("write", pipe, .notAFile(.pipe))) { try AtomicFile.check(pipe) }
    #expect(throws: FileError("write", "/dev/null", .notAFile(.device))) {
      try AtomicFile.write([1], to: "/dev/null")
    }
    #expect(try folder.names() == ["pipe"])
  }
}
