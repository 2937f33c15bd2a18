import CKernels

/// What an implementation needs of the processor.
///
/// Instruction sets of different architectures are not comparable: `ladder` says which of them this
/// architecture can have, and in which order they are preferred.
public enum ISA: String, Sendable, CaseIterable {
  /// Plain loops that accumulate in double precision. Tests compare all others with them.
  case reference
  /// Swift code on OpenBLAS, which picks instruction sets by itself; runs on every processor.
  case generic
  /// The C kernels, compiled for what every processor of the architecture has.
  case baseline
  /// AVX2 with FMA and F16C.
  case avx2
  /// AVX-512 F, BW, DQ and VL.
  case avx512

  /// What a processor of this architecture can be asked for, in ascending order of preference.
  ///
  /// On x86-64 OpenBLAS serves a processor without AVX2 better than the baseline's kernels do.
  public static let ladder: [ISA] = {
    #if arch(x86_64)
    [.reference, .generic, .avx2, .avx512]
    #else
    [.reference, .generic, .baseline]
    #endif
  }()

  /// The best instruction set that this processor and operating system can run.
  static let detected: ISA = {
    #if arch(x86_64)
    let features = ck_detect_cpu()
    if features.avx512 { return .avx512 }
    return features.avx2 ? .avx2 : .generic
    #else
    return .baseline
    #endif
  }()

  /// Whether an implementation may be used where this is the cap.
  ///
  /// - Parameter needed: What the implementation needs.
  /// - Returns: False as well for instruction sets of other architectures.
  public func allows(_ needed: ISA) -> Bool {
    guard let cap = Self.ladder.firstIndex(of: self),
      let rung = Self.ladder.firstIndex(of: needed)
    else { return false }
    return rung <= cap
  }

  /// The instruction sets that may be used where this is the cap, in ascending order of preference.
  public var allowed: [ISA] { Self.ladder.filter(allows) }

  /// The lesser of two caps.
  func capped(by other: ISA) -> ISA { allows(other) ? other : self }
}
