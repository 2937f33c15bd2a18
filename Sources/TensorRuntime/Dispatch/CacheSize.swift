#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Sizes of this machine's caches, from which loops derive how much data to work on at a time.
enum CacheSize {
  /// The size of one core's second-level cache in bytes; 512 KiB where the system does not say.
  static let secondLevel: Int = {
    let assumed = 512 << 10
    #if canImport(Glibc)
    let found = Int(sysconf(Int32(_SC_LEVEL2_CACHE_SIZE)))
    return found >= 128 << 10 ? min(found, 16 << 20) : assumed
    #elseif canImport(Darwin)
    var found = 0
    var size = MemoryLayout<Int>.size
    let status = sysctlbyname("hw.l2cachesize", &found, &size, nil, 0)
    return status == 0 && found >= 128 << 10 ? min(found, 16 << 20) : assumed
    #else
    return assumed
    #endif
  }()

  /// How many bytes of weights a loop expects to find again in the cache that the cores share: a
  /// quarter of the third level, within limits.
  static let sharedWeights: Int = {
    #if canImport(Glibc)
    let found = Int(sysconf(Int32(_SC_LEVEL3_CACHE_SIZE)))
    #else
    let found = 0
    #endif
    return min(32 << 20, max(2 << 20, found / 4))
  }()
}
