import CKernels

/// The instructions that an implementation needs, in ascending order of preference.
public enum ISA: String, Sendable, CaseIterable, Comparable {
  /// Plain loops that accumulate in double precision. Tests compare all others with them.
  case reference
  /// Portable code on OpenBLAS.
  case generic
  /// AVX2 with FMA and F16C.
  case avx2
  /// AVX-512 F, BW, DQ and VL.
  case avx512

  /// Orders by preference.
  ///
  /// - Parameters:
  ///   - lhs: One instruction set.
  ///   - rhs: Another.
  /// - Returns: Whether the first is the lesser one.
  public static func < (lhs: ISA, rhs: ISA) -> Bool { lhs.order < rhs.order }

  private var order: Int {
    switch self {
    case .reference: 0
    case .generic: 1
    case .avx2: 2
    case .avx512: 3
    }
  }

  /// The best instruction set that this processor and operating system can run.
  static let detected: ISA = {
    let features = ck_detect_cpu()
    if features.avx512 { return .avx512 }
    return features.avx2 ? .avx2 : .generic
  }()
}
