import Foundation
import ResgraphFiles
import Testing

@testable import GraphRuntime

@Suite("Cache maintenance")
struct CacheMaintenanceTests {
  private let session: DiskSession

  init() throws {
    session = try DiskSession()
    try session.run(DiskCacheTests.graph)
  }

  private func maintenance(limit: Int? = nil, laterBy seconds: Int64 = 0) -> CacheMaintenance {
    CacheMaintenance(
      root: session.root, byteLimit: limit, now: systemTime() + seconds * 1_000_000_000)
  }

  @Test func statsCountWhatIsThere() throws {
    let stats = maintenance(limit: 1_000).stats()
    #expect(stats.results == 3)
    #expect(stats.nodes == ["Sample": 2, "Divide": 1])
    #expect(stats.limit == 1_000)
    #expect(stats.bytes > 0)
    let free = try #require(maintenance().stats().limit)
    #expect(free > 1 << 20)
    #expect(CacheMaintenance(root: session.root + "/none").stats().results == 0)
  }

  @Test func verifyMovesDamageAside() throws {
    #expect(maintenance().verify() == CacheVerification(sound: 3, damaged: []))
    let object = try #require(session.files(.objects).first)
    try session.change(object) { $0[0] ^= 1 }
    let found = maintenance().verify()
    #expect(found.damaged.contains(object))
    #expect(found.sound < 3)
    #expect(maintenance().verify().damaged.isEmpty)
    #expect(try session.run(DiskCacheTests.graph).value == 6)
  }

  @Test func collectingKeepsWhatIsWithinTheLimit() throws {
    let kept = maintenance(limit: 1 << 20, laterBy: 100_000).collect()
    #expect(kept.results == 0)
    #expect(kept.files == 0)
    #expect(try session.run(DiskCacheTests.graph).ran.isEmpty)
  }

  /// What saves the most seconds for each byte stays.
  @Test func collectingRemovesWhatIsWorthLeast() throws {
    let cache = session.cache
    let keys = (0..<10).map { _ in CacheKey.unique() }
    for (index, key) in keys.enumerated() {
      let value = Number(value: 1_000_000 + index)
      cache.store(["sum": value], for: key, of: Sum.self, seconds: Double(index + 1) * 1_000)
    }
    // Each value has 14 bytes.
    let result = maintenance(limit: 70, laterBy: 100_000).collect()
    #expect(result.bytes <= 70)
    #expect(result.results > 0)
    let found = keys.map { cache.find($0, of: Sum.self) != nil }
    #expect(found == found.sorted { !$0 && $1 })
    #expect(found.last == true)
    #expect(found.first == false)
    #expect(try session.run(DiskCacheTests.graph).value == 6)
  }

  @Test func whatInterruptedProcessesLeftGoes() throws {
    let store = CacheStore(root: session.root)
    let folder = (store.path(.objects, CacheKey.unique().hex) as NSString)
      .deletingLastPathComponent
    try FileManager.default.createDirectory(
      atPath: folder, withIntermediateDirectories: true)
    let temporary = folder + "/.tmp-1-x"
    try Data([1]).write(to: URL(filePath: temporary))
    let snapshots = DiskSnapshots(root: session.root)
    snapshots.save([1, 2, 3], for: CacheKey.unique())
    for file in session.files(.actions) { try FileManager.default.removeItem(atPath: file) }
    // A moment later they may still be wanted.
    #expect(maintenance().collect().files == 0)
    #expect(FileManager.default.fileExists(atPath: temporary))
    #expect(maintenance(laterBy: 30 * 86_400).collect().files > 3)
    #expect(!FileManager.default.fileExists(atPath: temporary))
    #expect(session.files(.objects).isEmpty)
    #expect(session.files(.snapshots).isEmpty)
  }

  @Test func aRunWhoseValuesAreCollectedComputesThem() throws {
    let cache = session.cache
    let plan = try session.plan(DiskCacheTests.graph, sets: ["by=5"], cache: cache)
    maintenance(limit: 1, laterBy: 100_000).collect()
    #expect(session.files(.objects).isEmpty)
    #expect(try session.run(plan, cache: cache).value == 2)
  }
}
