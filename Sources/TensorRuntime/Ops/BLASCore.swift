import COpenBLAS

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// Corrects the choice of kernels that OpenBLAS makes for a processor which it does not know.
///
/// A library older than the processor falls back to its oldest kernels, ten times slower than
/// those the processor could run. The library chooses when it is loaded, before any of our code
/// runs. Its dynamic builds can choose again, as long as nothing has been multiplied yet.
enum BLASCore {
  /// Kernels that use AVX2 or better.
  private static let modern: Set<String> = [
    "Haswell", "Zen", "Excavator", "SkylakeX", "Cooperlake", "SapphireRapids",
  ]

  /// The name of better kernels than those chosen; nil when the library's choice should stay.
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

  /// Looks up a function that the library's header does not declare and that static builds lack.
  private static func function(_ name: String) -> (@convention(c) () -> Void)? {
    guard let program = dlopen(nil, RTLD_NOW) else { return nil }
    defer { dlclose(program) }
    guard let symbol = dlsym(program, name) else { return nil }
    return unsafeBitCast(symbol, to: (@convention(c) () -> Void).self)
  }
}
