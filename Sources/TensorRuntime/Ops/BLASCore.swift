import COpenBLAS

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// The kernels OpenBLAS picked for this processor, corrected when it does not know the processor.
///
/// A library older than the processor falls back to its oldest kernels, ten times slower than
/// those the processor could run. The choice is made when the library is loaded, before any of our
/// code; its dynamic builds let it be made again, as long as nothing has been multiplied yet.
enum BLASCore {
  /// Kernels that use AVX2 or better.
  private static let modern: Set<String> = [
    "Haswell", "Zen", "Excavator", "SkylakeX", "Cooperlake", "SapphireRapids",
  ]

  /// The name to ask for instead of the library's own choice, or nil to leave that.
  static func better(than chosen: String, detected: ISA, userChoice: String?) -> String? {
    guard userChoice == nil, !modern.contains(chosen) else { return nil }
    switch detected {
    case .avx512: return "SkylakeX"
    case .avx2: return "Haswell"
    case .reference, .generic, .baseline: return nil
    }
  }

  static var name: String { openblas_get_corename().map { String(cString: $0) } ?? "unknown" }

  /// Makes the library choose again when its choice is worse than the processor.
  static func correct() {
    let variable = "OPENBLAS_CORETYPE"
    let userChoice = getenv(variable).map { String(cString: $0) }
    guard let wanted = better(than: name, detected: .detected, userChoice: userChoice),
      let forget = function("gotoblas_dynamic_quit"), let choose = function("gotoblas_dynamic_init")
    else { return }
    setenv(variable, wanted, 1)
    forget()
    choose()
    unsetenv(variable)
  }

  /// A function of the library that its header does not declare, and that static builds lack.
  private static func function(_ name: String) -> (@convention(c) () -> Void)? {
    guard let program = dlopen(nil, RTLD_NOW) else { return nil }
    defer { dlclose(program) }
    guard let symbol = dlsym(program, name) else { return nil }
    return unsafeBitCast(symbol, to: (@convention(c) () -> Void).self)
  }
}
