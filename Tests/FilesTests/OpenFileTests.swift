import Foundation
import Testing

@testable import ResgraphFiles

/// What may be opened, and what is said about the rest.
@Suite("Opening files") struct OpenFileTests {
  private func refusal(_ path: String, rule: OpenFile.Rule = .regular) -> FileError.Reason? {
    do throws(FileError) {
      _ = try OpenFile(path, rule: rule)
      return nil
    } catch {
      return error.reason
    }
  }

  @Test func onlyRegularFilesAreOpened() throws {
    let folder = try TestFolder()
    let file = try folder.write("a", "abc")
    #expect(refusal(file) == nil)
    try FileManager.default.createSymbolicLink(
      atPath: folder.path + "/link", withDestinationPath: file)
    #expect(refusal(folder.path + "/link") == nil)
    #expect(refusal(folder.path) == .notAFile(.folder))
    #expect(refusal("/dev/zero") == .notAFile(.device))
    #expect(refusal(folder.path + "/none") == .system(ENOENT))
    // Nobody writes to this pipe: opening it must not wait.
    let pipe = try folder.pipe("pipe")
    #expect(refusal(pipe) == .notAFile(.pipe))
    #expect(refusal(pipe, rule: .regularOrPipe) == .notAFile(.pipe))
    #expect(
      "\(FileError("open", pipe, .notAFile(.pipe)))".hasSuffix("it is a pipe, not a regular file"))
  }

  @Test func textsMayComeFromAPipeOfTheShell() throws {
    let pipe = Pipe()
    let path = "/dev/fd/\(pipe.fileHandleForReading.fileDescriptor)"
    #expect(refusal(path) == .notAFile(.pipe))
    let file = try OpenFile(path, rule: .regularOrPipe)
    Thread.detachNewThread {
      // Later than the reader begins: it must wait.
      usleep(20_000)
      pipe.fileHandleForWriting.write(Data("version: 1".utf8))
      try? pipe.fileHandleForWriting.close()
    }
    #expect(try file.bytes(limit: 100) == Array("version: 1".utf8))
  }

  @Test func readingIsLimited() throws {
    let folder = try TestFolder()
    let file = try folder.write("a", "abcdef")
    #expect(try FileReader.bytes(file, limit: 6) == Array("abcdef".utf8))
    #expect(throws: FileError("read", file, .tooLong(limit: 5))) {
      try FileReader.bytes(file, limit: 5)
    }
    #expect(try OpenFile(file).bytes(at: 4, count: 9) == Array("ef".utf8))
    #expect(try OpenFile(file).bytes(at: 9, count: 9) == [])
    // The kernel's files say that they are empty.
    #expect(FileReader.kernelText("/proc/self/status")?.contains("Name:") == true)
    #expect(FileReader.kernelText("/proc/no/such/file") == nil)
  }

  @Test func changesWhileAFileIsOpenShow() throws {
    let folder = try TestFolder()
    let path = try folder.write("a", "abc")
    let file = try OpenFile(path)
    try file.checkUnchanged()
    // Another name is no other content.
    try #require(rename(path, folder.path + "/b") == 0)
    try file.checkUnchanged()
    try #require(truncate(folder.path + "/b", 1) == 0)
    #expect(throws: FileError("read", path, .changed)) { try file.checkUnchanged() }
  }

  @Test func tooManyOpenFilesAreNoMissingFile() {
    let error = FileError("open", "a", code: EMFILE)
    #expect(!error.isMissingFile)
    #expect(error.explanation.contains("open files"))
    #expect(FileError("open", "a", code: ENOENT).isMissingFile)
    #expect(!FileError("write", "a", code: ENOENT).isMissingFile)
  }

  @Test func namesOfAFolderThatCannotBeReadAreAnError() throws {
    let folder = try TestFolder()
    try folder.write("b", "")
    try folder.write("a/c", "")
    #expect(try FileReader.names(inFolder: folder.path) == ["a", "b"])
    #expect(throws: FileError("open", folder.path + "/b", code: ENOTDIR)) {
      try FileReader.names(inFolder: folder.path + "/b")
    }
  }
}
