#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// The folder of files that can be deleted at any time, because the program makes them again when
/// it needs them: measured speeds of this machine, digests of files.
package enum CacheFolder {
  /// The value of `$RESGRAPH_CACHE` or, where that is not set, `resgraph` in the cache folder of
  /// the XDG rules; nil where the environment names neither.
  package static var path: String? {
    if let own = variable("RESGRAPH_CACHE") { return own }
    if let shared = variable("XDG_CACHE_HOME") { return "\(shared)/resgraph" }
    return variable("HOME").map { "\($0)/.cache/resgraph" }
  }

  private static func variable(_ name: String) -> String? {
    guard let value = getenv(name) else { return nil }
    let text = String(cString: value)
    return text.isEmpty ? nil : text
  }
}
