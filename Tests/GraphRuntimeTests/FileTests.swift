import Foundation
import GraphRuntime
import TestSupport
import Testing

@Suite("Files")
struct FileTests {
  @Test func writesInOnePiece() throws {
    let folder = try TemporaryFolder()
    let path = folder.path + "/a/b/c.txt"
    try AtomicFile.write(Array("first".utf8), to: path)
    try AtomicFile.write(to: path) { writer in
      try writer.write(Array("sec".utf8))
      #expect(try TestFiles.read(path) == "first")
      try writer.write(Array("ond".utf8))
    }
    #expect(try TestFiles.read(path) == "second")
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path + "/a/b") == ["c.txt"])
  }

  @Test func aFailedWriteLeavesNothing() throws {
    struct Stop: Error {}
    let folder = try TemporaryFolder()
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
    let folder = try TemporaryFolder()
    try folder.write("x", to: "file")
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

  /// What is to be read and is missing has a code of its own; what cannot be written is an I/O error.
  @Test func aMissingFolderToWriteToIsNoMissingInput() {
    #expect(FileError("open", "x", code: ENOENT).exitStatus == .missingFile)
    #expect(FileError("make the folder", "/proc/x", code: ENOENT).exitStatus == .ioError)
    #expect(FileError("write", "x/y", code: ENOTDIR).exitStatus == .ioError)
  }

  @Test func whatCouldNotBeWrittenIsFoundWithoutWriting() throws {
    let folder = try TemporaryFolder()
    try AtomicFile.check(folder.path + "/a/b.png")
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path + "/a").isEmpty)
    try folder.write("x", to: "b.png")
    try AtomicFile.check(folder.path + "/b.png")
    #expect(try TestFiles.read(folder.path + "/b.png") == "x")
    #expect(throws: FileError.self) { try AtomicFile.check(folder.path + "/b.png/c.png") }
    #expect(throws: FileError.self) { try AtomicFile.check(folder.path + "/a") }
    #expect(throws: FileError.self) { try AtomicFile.check("/proc/x/y.png") }
  }

  @Test func aFullDiskIsTemporary() throws {
    // Every write to this device fails with "no space left".
    guard FileManager.default.fileExists(atPath: "/dev/full") else { return }
    let descriptor = open("/dev/full", O_WRONLY)
    defer { close(descriptor) }
    #expect(write(descriptor, "x", 1) == -1)
    #expect(FileError("write", "x.png", code: errno).exitStatus.rawValue == 75)
  }

  @Test func digestsFollowTheContent() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write("abc", to: "a")
    let files = FileAccess()
    #expect(
      try files.digest(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    try folder.write("abd", to: "a")
    #expect(
      try files.digest(path) == "a52d159f262b2c6ddb724a61840befc36eb30c88877a4030b65cbe86298449c9")
    let big = try folder.write([UInt8](repeating: 7, count: 3 << 20), to: "big")
    let first = try files.digest(big)
    try folder.write([UInt8](repeating: 7, count: 3 << 20) + [7], to: "big")
    #expect(try files.digest(big) != first)
    #expect(throws: FileError("open", folder.path + "/gone", code: ENOENT)) {
      try files.digest(folder.path + "/gone")
    }
  }

  @Test func digestsOfFoldersFollowNamesAndContents() throws {
    func digest(_ entries: [(String, String)]) throws -> String {
      let folder = try TemporaryFolder()
      for (name, text) in entries { try folder.write(text, to: "m/" + name) }
      return try FileAccess().digest(folder.path + "/m")
    }
    let base = try digest([("a", "1"), ("b/c", "2")])
    #expect(try digest([("b/c", "2"), ("a", "1"), (".hidden", "3")]) == base)
    #expect(try digest([("a", "2"), ("b/c", "2")]) != base)
    #expect(try digest([("a", "1"), ("b/d", "2")]) != base)
    #expect(try digest([("a", "1"), ("bc", "2")]) != base)
    #expect(try digest([("a", "1")]) != base)
  }

  @Test func foldersInACircleAreRefused() throws {
    let folder = try TemporaryFolder()
    try folder.write("1", to: "m/a")
    try FileManager.default.createSymbolicLink(
      atPath: folder.path + "/m/loop", withDestinationPath: ".")
    #expect(throws: FileError.self) { try FileAccess().digest(folder.path + "/m") }
  }

  @Test func pathsAreLookedUpInOrder() throws {
    let folder = try TemporaryFolder()
    try folder.write("1", to: "one/both")
    try folder.write("2", to: "two/both")
    try folder.write("2", to: "two/late")
    let files = FileAccess(
      searchFolders: [folder.path + "/one", folder.path + "/two"], writeFolder: "/out")
    #expect(try files.existing("both") == folder.path + "/one/both")
    #expect(try files.existing("late") == folder.path + "/two/late")
    #expect(try files.existing(folder.path + "/two/both") == folder.path + "/two/both")
    #expect(files.writable("x/y") == "/out/x/y")
    #expect(files.writable("/abs") == "/abs")
    #expect(throws: ValueMismatch.self) { try files.existing("gone") }
    #expect(joinPath("", "a") == "a")
    #expect(joinPath("a/", "b") == "a/b")
  }

  @Test func modelPathsComeAfterTheGraphsFolder() throws {
    let harness = try Harness()
    let models = try TemporaryFolder()
    try models.write("large other", to: "small.model")
    try models.write("small far", to: "far.model")
    var request = harness.request(
      """
      version: 1
      nodes:
        near: {type: ModelLoad, path: small.model}
        far: {type: ModelLoad, path: far.model}
      outputs: {x: $near, y: $far}
      """)
    request.modelPaths = [models.path]
    let graph = try GraphValidator(catalog: harness.catalog, environment: harness.environment)
      .validate(request)
    #expect((graph.value(node: "near", port: "model") as? StubModel)?.name == "alpha")
    #expect((graph.value(node: "far", port: "model") as? StubModel)?.name == "far")
  }
}
