import GraphRuntime
import Testing

@Suite("Memory cache")
struct MemoryCacheTests {
  private func heavy(_ value: Int, _ bytes: Int) -> [String: any PortValue] {
    ["x": Heavy(value: value, byteCount: bytes)]
  }

  @Test func keepsWhatWasUsedLast() {
    let cache = MemoryCache(byteLimit: 10_000)
    let keys = (0..<4).map { _ in CacheKey.unique() }
    for index in 0..<3 {
      cache.store(heavy(index, 2500), for: keys[index], of: Sum.self, seconds: 1)
    }
    #expect(cache.find(keys[0], of: Sum.self) != nil)
    cache.store(heavy(3, 2500), for: keys[3], of: Sum.self, seconds: 1)
    #expect(keys.map { cache.find($0, of: Sum.self) != nil } == [true, false, true, true])
    #expect(cache.byteCount <= 10_000)
  }

  @Test func refusesWhatDoesNotFit() {
    let cache = MemoryCache(byteLimit: 1000)
    let key = CacheKey.unique()
    let small = CacheKey.unique()
    cache.store(heavy(0, 100), for: small, of: Sum.self, seconds: 1)
    cache.store(heavy(1, 1001), for: key, of: Sum.self, seconds: 1)
    cache.store(heavy(1, .max), for: key, of: Sum.self, seconds: 1)
    #expect(cache.find(key, of: Sum.self) == nil)
    #expect(cache.find(small, of: Sum.self) != nil)
  }

  @Test func replacesWithoutCountingTwice() throws {
    let cache = MemoryCache(byteLimit: 100_000)
    let key = CacheKey.unique()
    cache.store(heavy(0, 5000), for: key, of: Sum.self, seconds: 1)
    let once = cache.byteCount
    cache.store(heavy(1, 5000), for: key, of: Sum.self, seconds: 1)
    #expect(cache.byteCount == once)
    #expect(try (cache.find(key, of: Sum.self)?.outputs["x"]?.value() as? Heavy)?.value == 1)
    cache.removeAll()
    #expect(cache.byteCount == 0)
    #expect(cache.find(key, of: Sum.self) == nil)
  }

  @Test func scalarsDoNotPileUp() {
    let cache = MemoryCache(byteLimit: 10_000)
    for value in 0..<1000 {
      cache.store(["x": value], for: CacheKey.unique(), of: Sum.self, seconds: 0)
    }
    #expect(cache.byteCount <= 10_000)
  }

  @Test func aSmallCacheStillGivesRightResults() throws {
    let session = try Session(byteLimit: 600)
    for by in [2, 3, 2] {
      let summary = try session.run(PartialCacheTests.graph, sets: ["by=\(by)"])
      #expect((summary.values["half"]?["quotient"] as? Number)?.value == 13 / by)
    }
  }
}
