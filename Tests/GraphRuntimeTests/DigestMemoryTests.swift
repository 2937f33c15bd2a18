import Crypto
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import GraphRuntime

/// Digests of large files that outlive a process, and when they count.
@Suite("Digest memory") struct DigestMemoryTests {
  /// A folder with a large file and a memory, at a time that the test sets.
  private final class World: Sendable {
    let folder: TemporaryFolder
    let model: String
    let path: String
    private let later = Mutex<Int64>(60_000_000_000)

    init() throws {
      folder = try TemporaryFolder()
      model = try folder.write(Self.content(1), to: "model")
      path = folder.path + "/cache/digests.txt"
    }

    static func content(_ byte: UInt8) -> [UInt8] {
      [UInt8](repeating: byte, count: Int(DigestMemory.smallestSize))
    }

    static func digest(_ byte: UInt8) -> String { hexadecimal(SHA256.hash(data: content(byte))) }

    /// The memory as a new process finds it.
    var memory: DigestMemory {
      DigestMemory(
        path: path,
        now: { [self] in
          var time = timespec()
          clock_gettime(CLOCK_REALTIME, &time)
          let now = Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
          return now + later.withLock { $0 }
        })
    }

    /// Sets how much later than now it is.
    func set(later nanoseconds: Int64) { later.withLock { $0 = nanoseconds } }

    func status(_ path: String) throws -> FileStatus { try #require(FileStatus(path: path)) }

    /// What a new process says the model's digest is.
    func digest() throws -> String { try FileDigester(memory: memory).digest(model) }

    /// Makes a memory that is wrong about the model, to see whether it is believed.
    func lie() throws { memory.remember(World.digest(9), of: try status(model)) }

    func isBelieved() throws -> Bool { try digest() == World.digest(9) }
  }

  @Test func isFoundAgainForTheSameFileAlone() throws {
    let world = try World()
    #expect(try world.digest() == World.digest(1))
    let status = try world.status(world.model)
    #expect(world.memory.digest(of: status) == World.digest(1))
    #expect(
      try FileManager.default.attributesOfItem(atPath: world.path)[.posixPermissions] as? Int
        == 0o600)
    // A digester believes what is remembered: it does not read the file.
    try world.lie()
    #expect(try world.isBelieved())
    // The same bytes in another file, other bytes in the same file.
    let copy = try world.folder.write(World.content(1), to: "copy")
    #expect(world.memory.digest(of: try world.status(copy)) == nil)
    try world.folder.write(World.content(2), to: "model")
    #expect(try world.digest() == World.digest(2))
    #expect(world.memory.digest(of: status) == nil, "an older version of a file is forgotten")
  }

  @Test func aTimeThatWasSetBackShows() throws {
    let world = try World()
    try world.lie()
    let before = try world.status(world.model)
    try world.folder.write(World.content(3), to: "model")
    var times = [timespec(), timespec()]
    for index in times.indices {
      times[index].tv_sec = Int(before.modified / 1_000_000_000)
      times[index].tv_nsec = Int(before.modified % 1_000_000_000)
    }
    try #require(utimensat(AT_FDCWD, world.model, times, 0) == 0)
    let after = try world.status(world.model)
    #expect(
      (after.inode, after.size, after.modified) == (before.inode, before.size, before.modified))
    #expect(try world.digest() == World.digest(3))
  }

  @Test func aFileOfThisMomentIsNotTrusted() throws {
    let world = try World()
    let age = DigestMemory.settlingTime
    for later in [0, age / 2, -age * 10] {
      world.set(later: later)
      #expect(try world.digest() == World.digest(1))
      #expect(!FileManager.default.fileExists(atPath: world.path), "\(later)")
    }
    world.set(later: age * 2)
    try world.lie()
    #expect(try world.isBelieved())
    for later in [0, -age * 10] {
      world.set(later: later)
      #expect(try !world.isBelieved(), "\(later)")
    }
  }

  @Test func damageAnywhereMakesItEmpty() throws {
    let world = try World()
    try world.lie()
    let whole = try [UInt8](Data(contentsOf: URL(filePath: world.path)))
    for index in whole.indices {
      var bytes = whole
      bytes[index] ^= 1
      try Self.replace(world.path, bytes)
      #expect(try world.memory.digest(of: world.status(world.model)) == nil, "byte \(index)")
    }
    for length in 0..<whole.count {
      try Self.replace(world.path, Array(whole[..<length]))
      #expect(try world.memory.digest(of: world.status(world.model)) == nil, "cut at \(length)")
    }
    try Self.replace(world.path, whole)
    #expect(try world.isBelieved())
  }

  /// Whole by its checksum, but not as it is ever written.
  @Test(arguments: [
    "", "resgraph file digests 2\n", "resgraph file digests 1\n1 2 3\n",
    "resgraph file digests 1\n1 2 3 4 5 nothing\n", "resgraph file digests 1\n\n",
    "resgraph file digests 1\n1 2 3 4 99999999999999999999 "
      + String(repeating: "a", count: 64) + "\n",
    "resgraph file digests 1\n"
      + String(repeating: "1 2 3 4 5 \(String(repeating: "a", count: 64))\n", count: 2000),
  ]) func whatIsWrittenOtherwiseIsIgnored(body: String) throws {
    let world = try World()
    let sum = hexadecimal(SHA256.hash(data: Array(body.utf8)))
    try FileManager.default.createDirectory(
      atPath: world.folder.path + "/cache", withIntermediateDirectories: true)
    try Self.replace(world.path, Array((body + sum + "\n").utf8))
    #expect(try world.digest() == World.digest(1))
    // And is replaced by what is right.
    #expect(world.memory.digest(of: try world.status(world.model)) == World.digest(1))
  }

  @Test func aFileThatOthersMayWriteIsIgnored() throws {
    let world = try World()
    try world.lie()
    for mode in [0o620, 0o602, 0o666] {
      try #require(chmod(world.path, mode_t(mode)) == 0)
      #expect(try world.memory.digest(of: world.status(world.model)) == nil, "\(mode)")
    }
    try #require(chmod(world.path, 0o600) == 0)
    #expect(try world.isBelieved())
  }

  @Test func whatIsNoFileOrHugeIsIgnored() throws {
    let world = try World()
    let status = try world.status(world.model)
    for path in [world.folder.path, "/proc/nothing/x"] {
      let memory = DigestMemory(path: path)
      memory.remember(World.digest(9), of: status)
      #expect(memory.digest(of: status) == nil, "\(path)")
    }
    #expect(DigestMemory(path: "/dev/zero").digest(of: status) == nil)
    let pipe = world.folder.path + "/pipe"
    try #require(mkfifo(pipe, 0o600) == 0)
    #expect(DigestMemory(path: pipe).digest(of: status) == nil)
    let large = try world.folder.write([UInt8](repeating: 10, count: 3 << 20), to: "large")
    try #require(chmod(large, 0o600) == 0)
    #expect(DigestMemory(path: large).digest(of: status) == nil)
  }

  @Test func theOldestAreForgotten() throws {
    let world = try World()
    try world.lie()
    func entry(_ index: Int) -> FileStatus? {
      FileStatus(fields: "1 \(index) 9999999 \(index) \(index)".split(separator: " "))
    }
    let other = try #require(entry(DigestMemory.capacity - 1))
    let body =
      "resgraph file digests 1\n"
      + (0..<DigestMemory.capacity).map { "1 \($0) 9999999 \($0) \($0) \(World.digest(4))\n" }
      .joined()
    let sum = hexadecimal(SHA256.hash(data: Array(body.utf8)))
    try Self.replace(world.path, Array((body + sum + "\n").utf8))
    #expect(world.memory.digest(of: other) == World.digest(4))
    try world.lie()
    #expect(try world.isBelieved())
    #expect(world.memory.digest(of: other) == World.digest(4))
    #expect(world.memory.digest(of: try #require(entry(0))) == nil)
    let size = try Data(contentsOf: URL(filePath: world.path)).count
    #expect(size < 1 << 18)
  }

  @Test func smallFilesAreNotRemembered() throws {
    let world = try World()
    let small = try world.folder.write([1, 2, 3], to: "small")
    _ = try FileDigester(memory: world.memory).digest(small)
    #expect(!FileManager.default.fileExists(atPath: world.path))
  }

  /// Writes a file as only its owner may.
  private static func replace(_ path: String, _ bytes: [UInt8]) throws {
    unlink(path)
    let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL, 0o600)
    try #require(descriptor >= 0)
    defer { close(descriptor) }
    let count = bytes.withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) }
    try #require(count == bytes.count)
  }
}
